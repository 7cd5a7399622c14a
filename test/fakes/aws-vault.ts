import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { AwsSts } from './aws-sts.ts';
import { verifySignature } from './aws-sts-signature.ts';
import { StsRefusal } from './aws-sts-wire.ts';

/**
 * AWS Secrets Manager on loopback, GetSecretValue of one secret. It verifies the signature of a request by the keys of a
 * session that the STS double has given out, so whoever reads the secret holds such a session whole.
 */
export class AwsVault {
  readonly #sts: AwsSts;
  readonly #server = createServer((request, response) => {
    this.#answer(request).then(
      ({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
      },
      () => response.destroy(),
    );
  });
  readonly secret = randomUUID();
  /** The role of each session by which the secret was read. */
  readonly reads: string[] = [];

  private constructor(sts: AwsSts) {
    this.#sts = sts;
  }

  static async start(sts: AwsSts): Promise<AwsVault> {
    const vault = new AwsVault(sts);
    await new Promise<void>((resolve) => vault.#server.listen(0, '127.0.0.1', resolve));
    return vault;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body: object }> {
    const { method = '', url: path = '', headers } = request;
    const body = await text(request);
    const now = Date.now();
    try {
      if (headers['x-amz-target'] !== 'secretsmanager.GetSecretValue') throw new StsRefusal('InvalidAction', 'unknown');
      const { sessions } = this.#sts;
      const keysOf = (accessKeyId: string) => sessions.keysOf(accessKeyId);
      const accessKeyId = verifySignature({ method, path, headers, body }, { keysOf, now, service: 'secretsmanager' });
      this.reads.push(sessions.live(accessKeyId, now).roleArn);
      return { status: 200, body: { Name: 'reports', SecretString: this.secret } };
    } catch (error) {
      const code = error instanceof StsRefusal ? error.code : 'InternalServiceError';
      return { status: 400, body: { __type: code, message: 'refused' } };
    }
  }
}
