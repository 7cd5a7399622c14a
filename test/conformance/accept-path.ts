import type { JsonObject } from '../../src/core/json.ts';
import { OAuthError } from '../../src/core/oauth-error.ts';
import { Secret } from '../../src/core/secret.ts';
import { type CompactJws, readCompactJws } from '../../src/verifiers/compact-jws.ts';
import { isSignature } from '../../src/verifiers/jws-signature.ts';
import { KeySetError, readKeySet } from '../../src/verifiers/key-set.ts';

const NO_CLAIMS = Buffer.from('{}').toString('base64url');

/**
 * What becomes of a JWS whose payload need not be claims: the parts of the accept path in the order of verify.ts (form
 * and header, key set, key by `kid` and algorithm, signature) without the demand that the payload be a JSON object.
 * Gives `accepted` or the words of the refusal; whatever else is thrown fails the test.
 */
export async function verdict(token: string, jwks: JsonObject): Promise<string> {
  try {
    const { kid, alg } = readForm(token);
    const key = readKeySet(jwks).byKid.get(kid);
    if (key === undefined) return 'no usable key with this kid';
    if (key.alg !== alg) return `the key is bound to ${key.alg}`;
    const parts = token.split('.');
    const signature = Buffer.from(parts[2] ?? '', 'base64url');
    const signed = await isSignature(signature, Buffer.from(parts.slice(0, 2).join('.')), key);
    return signed ? 'accepted' : 'the signature does not verify';
  } catch (error) {
    if (error instanceof OAuthError) return error.detail ?? error.key;
    if (error instanceof KeySetError) return error.message;
    throw error;
  }
}

/** Segments are checked on the token as it is; the header is read beside empty claims where the payload is none. */
function readForm(token: string): CompactJws {
  try {
    return readCompactJws(new Secret(token));
  } catch (error) {
    if (!(error instanceof OAuthError && error.detail?.startsWith('claims: '))) throw error;
    const [header, , signature] = token.split('.');
    return readCompactJws(new Secret(`${header}.${NO_CLAIMS}.${signature}`));
  }
}
