import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import type { TestCertificate } from '../support/certificate-authority.ts';

/** An issuer that signs whatever a test asks for: what Carnet never would, to see who refuses it. */
export interface OtherIssuer {
  readonly port: number;
  sign(claims: JWTPayload): Promise<string>;
  stop(): Promise<void>;
}

export async function startOtherIssuer(issuer: string, { cert, key }: TestCertificate): Promise<OtherIssuer> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'other', alg: 'ES256', use: 'sig' }] };
  const discovery = {
    issuer,
    jwks_uri: `${issuer}/keys`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  };
  const server = createServer({ cert, key }, (request, response) => {
    const body = request.url?.endsWith('/keys') ? jwks : discovery;
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    sign: (claims) =>
      new SignJWT({ iss: issuer, ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'other' }).sign(privateKey),
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
