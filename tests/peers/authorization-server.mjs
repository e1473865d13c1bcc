// An authorization server (`oidc-provider`) whose clients are those of the tests. Its first argument
// is where our function is reached.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import http from 'node:http';

const require = createRequire(`${process.cwd()}/`);
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href);

const [gatehouse, key, nonces] = process.argv.slice(2);
const server = http.createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const web = {
  client_secret: 'a secret & of some length: 0123456789',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: [`${gatehouse}/oauth/callback`],
  response_types: ['code'],
};
const machine = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] };
const logout = process.argv[5] && { backchannel_logout_uri: process.argv[5] };

const provider = new Provider(issuer, {
  clients: [
    { client_id: 'web', ...web, ...logout },
    { client_id: 'post', ...web, token_endpoint_auth_method: 'client_secret_post' },
    { client_id: 'pushing', ...web, require_pushed_authorization_requests: true },
    { client_id: 'bound', ...web, dpop_bound_access_tokens: true },
    { client_id: 'service', ...machine, client_secret: web.client_secret },
    {
      client_id: 'machine',
      ...machine,
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks: { keys: [JSON.parse(key)] },
    },
  ],
  scopes: ['openid', 'offline_access', 'read', 'write'],
  features: {
    clientCredentials: { enabled: true },
    revocation: { enabled: true },
    backchannelLogout: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    dPoP: {
      enabled: true,
      nonceSecret: Buffer.alloc(32, 7),
      requireNonce: () => nonces === 'nonces',
    },
  },
  rotateRefreshToken: true,
  pkce: { required: () => true },
  // It calls loopback, which its own guard would not let it.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
});
provider.on('backchannel.error', (_, error, client) => console.error(client.clientId, error));
provider.on('backchannel.success', (_, client) => console.error(client.clientId, 'was told'));
provider.on('server_error', (_, error) => console.error(error));
server.on('request', provider.callback());
console.log(issuer);
