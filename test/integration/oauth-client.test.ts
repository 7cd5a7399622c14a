import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeCluster } from '../fakes/cluster.ts';
import { AUDIENCE, clusterIssuer, install, type RunningCarnet, start } from '../support/running-carnet.ts';

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
// Carnet listens on plain http in development mode alone.
const loopback = { [oauth.allowInsecureRequests]: true };
// The subject token is the only credential; no client is registered.
const client: oauth.Client = { client_id: 'a-workload' };

let cluster: FakeCluster;
let carnet: RunningCarnet;
let server: oauth.AuthorizationServer;

beforeAll(async () => {
  cluster = await FakeCluster.start();
  const resources = `${clusterIssuer(cluster)}apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: mesh }
spec:
  owner: platform@example.org
  subject: { issuer: prod-eu, namespace: '*', serviceAccount: '*' }
  target: { jwtSvid: { audiences: [ledger] } }
`;
  carnet = await start(await install({ cluster, resources }));
});

afterAll(async () => {
  await carnet.stop();
  await cluster.close();
  await carnet.remove();
});

async function discover(algorithm: 'oidc' | 'oauth2'): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(carnet.url);
  const response = await oauth.discoveryRequest(issuer, { algorithm, ...loopback });
  // The URL class writes a slash behind a bare origin; the issuer is without one, byte for byte.
  const document = (await response.json()) as oauth.AuthorizationServer;
  expect(document.issuer).toBe(carnet.url);
  return document;
}

function exchange(parameters: Record<string, string>) {
  const form = new URLSearchParams(parameters);
  return oauth.genericTokenEndpointRequest(server, client, oauth.None(), TOKEN_EXCHANGE, form, loopback);
}

describe('A client that knows OAuth and nothing of Carnet (oauth4webapi)', () => {
  test('finds the token endpoint by OpenID and by RFC 8414 discovery', async () => {
    server = await discover('oidc');
    expect((await discover('oauth2')).token_endpoint).toBe(server.token_endpoint);
    expect(server.grant_types_supported).toContain(TOKEN_EXCHANGE);
  });

  test('gets an answer that it accepts, with the requested type issued and echoed (RFC 8693 section 2.2.1, S2)', async () => {
    const subject_token = cluster.token({ audiences: [AUDIENCE], boundTo: { kind: 'pod', name: 'reporter-7d9f' } });
    const response = await exchange({
      subject_token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      requested_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      audience: 'ledger',
    });
    const answer = await oauth.processGenericTokenEndpointResponse(server, client, response, {
      recognizedTokenTypes: { n_a: () => undefined },
    });
    expect(answer['issued_token_type']).toBe('urn:ietf:params:oauth:token-type:jwt');
    expect(answer.access_token.split('.')).toHaveLength(3);
  });

  test('understands a refusal as an OAuth error (RFC 6749 section 5.2)', async () => {
    const response = await exchange({
      subject_token: 'not.a.jwt',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      audience: 'ledger',
    });
    const failure = oauth.processGenericTokenEndpointResponse(server, client, response);
    await expect(failure).rejects.toMatchObject({ error: 'invalid_request', status: 400 });
  });
});
