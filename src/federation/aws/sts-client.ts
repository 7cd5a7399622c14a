import { STSClient, type STSClientConfig } from '@aws-sdk/client-sts';
import { createSmithyHandler } from '../../outbound/smithy-handler.ts';
import { MAX_ANSWER_BYTES } from '../answer.ts';
import type { Flight } from './flight.ts';
import type { Session } from './session.ts';

/** What a signature covers beside the three headers that it adds itself; the SDK's others never leave. */
const SIGNED_AS_SENT: ReadonlySet<string> = new Set(['host', 'content-type']);

/** A client that lives for one call and signs with nothing but `session`; without one it cannot sign. */
export async function withClient<T>(
  flight: Flight,
  session: Session | undefined,
  call: (client: STSClient) => Promise<T>,
): Promise<T> {
  const client = isolatedClient(flight, session);
  try {
    return await call(client);
  } finally {
    client.destroy();
  }
}

/** Every setting that the SDK would otherwise read from the environment or from files in the home folder. */
function isolatedClient({ outbound, endpoint, region, timeoutMs }: Flight, session: Session | undefined): STSClient {
  const config: STSClientConfig & { readonly applyChecksum: boolean } = {
    endpoint,
    region,
    requestHandler: createSmithyHandler({ outbound, purpose: 'aws', maxBytes: MAX_ANSWER_BYTES, timeoutMs }),
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    maxAttempts: 1,
    retryMode: 'standard',
    authSchemePreference: [session === undefined ? 'smithy.api#noAuth' : 'aws.auth#sigv4'],
    disableClockSkewCorrection: true,
    userAgentAppId: '',
    defaultUserAgentProvider: async () => [['carnet']],
    credentials: async () => keysOf(session),
    // A header with the body's hash would be one more that leaves; the signature covers that hash all the same.
    applyChecksum: false,
  };
  const client = new STSClient(config);
  if (session !== undefined) signOnlyWhatLeaves(client);
  return client;
}

function keysOf(session: Session | undefined) {
  if (session === undefined) throw new Error('this call is not signed');
  return {
    accessKeyId: session.accessKeyId,
    secretAccessKey: session.secretAccessKey.reveal(),
    sessionToken: session.sessionToken.reveal(),
  };
}

/** A signature over a header that the handler leaves out would never verify. */
function signOnlyWhatLeaves(client: STSClient): void {
  client.middlewareStack.addRelativeTo(
    <Args extends { readonly request: unknown }, Answer>(next: (args: Args) => Promise<Answer>) =>
      (args: Args) => {
        const { request } = args;
        if (hasHeaders(request)) {
          const signed = Object.entries(request.headers).filter(([name]) => SIGNED_AS_SENT.has(name));
          request.headers = Object.fromEntries(signed);
        }
        return next(args);
      },
    { relation: 'before', toMiddleware: 'httpSigningMiddleware', name: 'signOnlyWhatLeaves' },
  );
}

function hasHeaders(request: unknown): request is { headers: object } {
  if (typeof request !== 'object' || request === null || !('headers' in request)) return false;
  return typeof request.headers === 'object' && request.headers !== null;
}
