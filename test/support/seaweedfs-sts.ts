import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What SeaweedFS writes into the tokens of its sessions. */
interface SessionClaims {
  /** ARN of the role. */
  readonly role: string;
  /** The session's name. */
  readonly snam: string;
}

interface StsInAwsForm {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * The STS of SeaweedFS in the form of AWS's answers. SeaweedFS 4.48 leaves AssumedRoleUser out, or its account, and
 * Carnet takes no session that does not say whose it is. Requests pass unchanged, refusals too; a session is completed
 * from what SeaweedFS itself says in its token, so that a session of another role or name would still be seen for one.
 */
export async function stsInAwsForm(target: string): Promise<StsInAwsForm> {
  const server = createServer((request, response) => {
    pass(target, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function pass(target: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = 'POST', url = '/', headers } = request;
  const body = await text(request);
  const answer = await new Promise<IncomingMessage>((done, fail) => {
    // The signature covers the host that Carnet called, so that goes along too.
    send(new URL(url, target), { method, headers }, done).once('error', fail).end(body);
  });
  const xml = completed(await text(answer));
  response.writeHead(answer.statusCode ?? 502, { 'content-type': 'text/xml' }).end(xml);
}

function completed(xml: string): string {
  const token = /<SessionToken>[^<.]*\.([^<.]*)\.[^<]*<\/SessionToken>/.exec(xml)?.[1];
  if (token === undefined) return xml;
  const { role, snam }: SessionClaims = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
  const [, partition, , , account, path = ''] = role.split(':');
  const arn = `arn:${partition}:sts::${account}:assumed-role/${path.split('/').at(-1)}/${snam}`;
  const user = `<AssumedRoleUser><AssumedRoleId>AROA:${snam}</AssumedRoleId><Arn>${arn}</Arn></AssumedRoleUser>`;
  return xml.replace(/<AssumedRoleUser>.*?<\/AssumedRoleUser>/s, '').replace('</Credentials>', `</Credentials>${user}`);
}

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
