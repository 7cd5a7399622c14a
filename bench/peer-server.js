import { readFile } from 'node:fs/promises';
import Provider from 'oidc-provider';

// The peer: an OAuth server of the same language that verifies one RS256 token and signs one ES256 token for each
// request. Its own memory adapter stands behind it, the cheapest state that it can have.
const [materialFile = ''] = process.argv.slice(2);
const { peer } = JSON.parse(await readFile(materialFile, 'utf8'));

const provider = new Provider(peer.issuer, {
  clients: [
    {
      client_id: peer.clientId,
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'RS256',
      grant_types: ['client_credentials'],
      id_token_signed_response_alg: 'ES256',
      redirect_uris: [],
      response_types: [],
      jwks: { keys: [peer.clientKey] },
    },
  ],
  jwks: { keys: [peer.signingKey] },
  clientAuthMethods: ['private_key_jwt'],
  routes: { token: '/oauth2/token' },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: '',
        audience: peer.resource,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 300,
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});
process.on('SIGTERM', () => process.exit(0));
const server = provider.listen(0, '127.0.0.1', () => {
  process.stderr.write(`listening http://127.0.0.1:${server.address().port}\n`);
});
