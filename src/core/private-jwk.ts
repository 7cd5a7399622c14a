/** Members of private RSA, EC, OKP, AKP and symmetric keys alone (RFC 7518 section 6, RFC 8037). */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv', 'seed'];

/** Whether a JWK has what only its owner may know. A public key set holds none such (V11). */
export function isPrivateJwk(jwk: object): boolean {
  return PRIVATE_MEMBERS.some((member) => Object.hasOwn(jwk, member));
}
