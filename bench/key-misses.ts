import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { systemClock } from '../src/core/clock.ts';
import { createOutbound } from '../src/outbound/guarded-outbound.ts';
import { compile } from '../src/policy/compile.ts';
import { readDocuments } from '../src/resources/read-documents.ts';
import { createMetrics } from '../src/telemetry/metrics.ts';
import { createIssuerKeys } from '../src/verifiers/issuer-keys.ts';
import { memoryKeyOwnership } from '../src/verifiers/key-ownership.ts';
import { newKey } from '../test/fakes/cluster-keys.ts';

// So many look-ups at once for the key of an issuer of which nothing is held yet: how often is the issuer asked?
const [count = '10000'] = process.argv.slice(2);
const key = newKey('RS256');
let fetches = 0;
const upstream = createServer(async (_request, response) => {
  fetches += 1;
  await setTimeout(50);
  response.setHeader('content-type', 'application/jwk-set+json');
  response.end(JSON.stringify({ keys: [key.jwk] }));
});
await once(upstream.listen(0, '127.0.0.1'), 'listening');
const address = upstream.address();
if (address === null || typeof address === 'string') throw new Error('the issuer has no port');
const origin = `http://127.0.0.1:${address.port}`;

const context = { trustDomain: 'example.org', development: true, ownIssuers: [], requireGrants: false };
const text = `apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: prod-eu }
spec:
  issuer: https://cluster.example.org
  audiences: ['https://sts.example.org']
  keys: { jwks: { url: '${origin}/keys' } }
  kubernetes: {}
`;
const { documents, faults } = readDocuments(
  text,
  { id: 'bench', baseDirectory: '/' },
  { ...context, now: systemClock.now() },
);
if (faults[0] !== undefined) throw new Error(faults[0].message);
const { snapshot } = compile({ documents, firstSeen: () => undefined, lastGood: [], context });
const metrics = createMetrics();
const clock = systemClock;
const outbound = createOutbound({ allowOrigins: [origin], allowLoopbackHttp: true, metrics, clock });
const keys = createIssuerKeys({ outbound, clock, metrics, ownership: memoryKeyOwnership(() => undefined) });
keys.follow(snapshot.issuers);
const issuer = snapshot.issuers.byName.get('prod-eu');
if (issuer === undefined) throw new Error('the issuer is not in force');
const found = await Promise.all(Array.from({ length: Number(count) }, () => keys.find(issuer, key.kid, 'seek')));
const misses = found.filter(({ found: kind }) => kind !== 'key').length;
if (misses > 0) throw new Error(`${misses} look-ups found no key`);
process.send?.({ 'misses.fetches': fetches });
process.disconnect?.();
upstream.close();
