import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTHeaderParameters, SignJWT } from 'jose';
import type { JsonObject } from '../../src/core/json.ts';
import { Secret } from '../../src/core/secret.ts';

/** A small issuer with discovery and keys over http, and the one method of an Authority that targets in clouds use. */
export class CloudIssuer {
  readonly kid = 'key-1';
  readonly alg: string;
  readonly #privateKey: CryptoKey;
  /** Claims of every assertion that was signed. */
  readonly signed: JsonObject[] = [];
  /** What is served; tests change it, until `reset`. */
  discovery: Record<string, unknown> = {};
  keys: Record<string, unknown>[] = [];
  #pristine: Pick<CloudIssuer, 'discovery' | 'keys'> = { discovery: {}, keys: [] };
  readonly #server = createServer((request, response) => {
    const documents: Record<string, unknown> = {
      '/.well-known/openid-configuration': this.discovery,
      '/jwks': { keys: this.keys },
    };
    const document = documents[request.url ?? ''];
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(document ?? {}));
  });

  private constructor(alg: string, privateKey: CryptoKey) {
    this.alg = alg;
    this.#privateKey = privateKey;
  }

  static async start(alg = 'RS256'): Promise<CloudIssuer> {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    const issuer = new CloudIssuer(alg, privateKey);
    await new Promise<void>((resolve) => issuer.#server.listen(0, '127.0.0.1', resolve));
    const keys = [{ ...(await exportJWK(publicKey)), kid: issuer.kid, use: 'sig', alg }];
    const discovery = {
      issuer: issuer.url,
      jwks_uri: `${issuer.url}/jwks`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [alg],
    };
    issuer.#pristine = { keys, discovery };
    issuer.reset();
    return issuer;
  }

  /** What is served at first. */
  get pristine(): Pick<CloudIssuer, 'discovery' | 'keys'> {
    return structuredClone(this.#pristine);
  }

  reset(): void {
    Object.assign(this, this.pristine);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** As Authority.sign: `iss` is added. */
  async sign(_purpose: 'cloud' | 'svid', claims: JsonObject): Promise<Secret> {
    this.signed.push(claims);
    return new Secret(await this.token({ iss: this.url, ...claims }));
  }

  /** Any claims under any header, properly signed. */
  token(claims: object, header: Partial<JWTHeaderParameters> = {}): Promise<string> {
    return new SignJWT({ ...claims })
      .setProtectedHeader({ alg: this.alg, kid: this.kid, typ: 'JWT', ...header })
      .sign(this.#privateKey);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
