/** What a signature algorithm demands of its key: its `kty` and, where it has one, its `crv` (RFC 7518, RFC 8037, RFC 9864). */
interface KeyShape {
  readonly kty: 'RSA' | 'EC' | 'OKP';
  readonly crv?: string;
}

/** Every algorithm Carnet can verify with; an issuer's own list narrows it (V2). HS*, none and ES256K are not in it. */
export const ALGORITHMS = {
  RS256: { kty: 'RSA' },
  RS384: { kty: 'RSA' },
  RS512: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  PS384: { kty: 'RSA' },
  PS512: { kty: 'RSA' },
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  Ed25519: { kty: 'OKP', crv: 'Ed25519' },
} as const satisfies Record<string, KeyShape>;
export type SignatureAlgorithm = keyof typeof ALGORITHMS;

/** True for an algorithm name of the table, exact in case. */
export function isAlgorithm(name: unknown): name is SignatureAlgorithm {
  return typeof name === 'string' && Object.hasOwn(ALGORITHMS, name);
}

/**
 * The one algorithm a key is bound to: its own `alg` where that fits its type, else the usual one of its type.
 * Undefined when the key can serve none (V2, V11).
 */
export function boundAlgorithm(kty: unknown, crv: unknown, alg: unknown): SignatureAlgorithm | undefined {
  const fits = (name: SignatureAlgorithm): boolean => {
    const shape: KeyShape = ALGORITHMS[name];
    return shape.kty === kty && (shape.crv === undefined || shape.crv === crv);
  };
  if (alg !== undefined) return isAlgorithm(alg) && fits(alg) ? alg : undefined;
  // The table's order puts RS256 first, so an RSA key that names no algorithm serves that one alone.
  return (Object.keys(ALGORITHMS) as SignatureAlgorithm[]).find(fits);
}
