/** Odd primes up to 167: they divide the constant of the weak generator at every key size. */
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
];
const GENERATOR = 65_537;
const RESIDUES = PRIMES.map((prime) => ({ prime, residues: powers(prime) }));

/**
 * True for an RSA modulus whose primes were made by the weak generator of some smart cards and TPMs (ROCA,
 * CVE-2017-15361): its private key can be computed from it. Such a modulus is a power of 65537 modulo every small prime;
 * of other moduli one in 240 million is.
 */
export function isRocaModulus(modulus: bigint): boolean {
  return RESIDUES.every(({ prime, residues }) => residues.has(Number(modulus % BigInt(prime))));
}

function powers(prime: number): ReadonlySet<number> {
  const found = new Set<number>();
  for (let power = 1; !found.has(power); power = (power * GENERATOR) % prime) found.add(power);
  return found;
}
