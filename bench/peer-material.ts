import { createPrivateKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { newKey } from '../test/fakes/cluster-keys.ts';

const CLIENT_ID = 'reporter';
const ISSUER = 'http://127.0.0.1:8080';
const RESOURCE = 'https://ledger.example.org';

/** What the peer and its client know. The client's assertion has the claims, and so the size, of a projected token. */
export interface PeerMaterial {
  readonly issuer: string;
  readonly clientId: string;
  readonly resource: string;
  /** Public, RS256. */
  readonly clientKey: object;
  readonly clientKeyPem: string;
  /** Private, ES256: the peer's own. */
  readonly signingKey: object;
  readonly claims: Readonly<Record<string, unknown>>;
}

export function peerMaterial(claims: Record<string, unknown>): PeerMaterial {
  const client = newKey('RS256');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = privateKey.export({ format: 'jwk' });
  return {
    issuer: ISSUER,
    clientId: CLIENT_ID,
    resource: RESOURCE,
    clientKey: client.jwk,
    clientKeyPem: client.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    signingKey: { ...jwk, use: 'sig', alg: 'ES256', kid: 'peer' },
    claims: { ...claims, iss: CLIENT_ID, sub: CLIENT_ID, aud: ISSUER },
  };
}

/** Forms with a new assertion each, because the peer takes none twice. */
export function peerForm({ claims, clientId, clientKey, clientKeyPem, resource }: PeerMaterial): () => Buffer {
  const privateKey = createPrivateKey(clientKeyPem);
  const kid = (clientKey as { kid?: string }).kid;
  const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const header = encoded({ alg: 'RS256', kid, typ: 'JWT' });
  return () => {
    const input = `${header}.${encoded({ ...claims, jti: randomUUID() })}`;
    const assertion = `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`;
    const form = {
      grant_type: 'client_credentials',
      client_id: clientId,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
      resource,
    };
    return Buffer.from(new URLSearchParams(form).toString());
  };
}
