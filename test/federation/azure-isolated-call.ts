import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import type { OutboundRequest } from '../../src/outbound/outbound.ts';

// Run as a process of its own. Prints every request that three issuances would send, answered with a token, a refusal and
// nonsense, and what of Azure's it read from the environment and of the home folder meanwhile, loading included.
const variables = new Set<string>();
const files = new Set<string>();
const home = String(process.env['HOME']);
process.env = new Proxy(process.env, {
  get: (env, name) => {
    if (typeof name === 'string' && /AZURE|MSAL|MSI|IMDS|IDENTITY|REGION|PROXY|DEBUG|LOG_LEVEL/i.test(name)) {
      variables.add(name);
    }
    return Reflect.get(env, name);
  },
  set: (env, name, value) => Reflect.set(env, name, value),
});
for (const [owner, name] of [
  [fs, 'readFileSync'],
  [fs, 'readFile'],
  [fs, 'existsSync'],
  [fs.promises, 'readFile'],
] as const) {
  const original: (...parameters: unknown[]) => unknown = Reflect.get(owner, name);
  Reflect.set(owner, name, (...parameters: unknown[]) => {
    if (String(parameters[0]).startsWith(home)) files.add(String(parameters[0]));
    return Reflect.apply(original, owner, parameters);
  });
}
syncBuiltinESMExports();

const { createAzureTarget } = await import('../../src/federation/azure/azure-target.ts');
const { Secret } = await import('../../src/core/secret.ts');
const { azureGrant, workload } = await import('./azure-world.ts');
// The SDK reads its log level while it is loaded.
const loadedEarly = variables.has('AZURE_LOG_LEVEL');
variables.clear();

const answers = [
  { status: 200, body: '{"token_type":"Bearer","expires_in":3599,"access_token":"SENTINEL"}' },
  { status: 400, body: '{"error":"invalid_client","error_description":"SENTINEL","error_codes":[700027]}' },
  { status: 200, body: 'SENTINEL' },
];
const requests: OutboundRequest[] = [];
const target = createAzureTarget({
  authority: { sign: async () => new Secret('SENTINEL-assertion') },
  outbound: {
    request: async (request) => {
      const { status, body } = answers[requests.length] ?? { status: 500, body: '' };
      requests.push(request);
      return { status, headers: {}, body: Buffer.from(body) };
    },
    close: async () => undefined,
  },
  clock: { now: () => 1_795_338_000_000 },
});
const outcomes: string[] = [];
for (const _answer of answers) {
  const issuance = { id: 'jti', issuedAt: 1_795_338_000, traceId: 't' };
  outcomes.push(
    await target.issue(azureGrant, workload, issuance).then(
      ({ expiresAt }) => `until ${expiresAt}`,
      (error: unknown) => String(error),
    ),
  );
}
process.stdout.write(
  JSON.stringify({ outcomes, loadedEarly, requests, variables: [...variables].sort(), files: [...files].sort() }),
);
