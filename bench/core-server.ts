import { createSecretKey, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { AuditLog } from '../src/audit/audit-log.ts';
import { GENESIS } from '../src/audit/line.ts';
import { createAuthority } from '../src/authority/local-authority.ts';
import { systemClock } from '../src/core/clock.ts';
import { CloudCredentials } from '../src/exchange/cloud-credentials.ts';
import { createExchange } from '../src/exchange/exchange.ts';
import { ForgeryBound } from '../src/exchange/forgery-bound.ts';
import { IdentityRate } from '../src/exchange/identity-rate.ts';
import { Journal } from '../src/exchange/journal.ts';
import { SingleUse } from '../src/exchange/single-use.ts';
import { createAwsTarget } from '../src/federation/aws/aws-target.ts';
import { createAzureTarget } from '../src/federation/azure/azure-target.ts';
import { createGcpTarget } from '../src/federation/gcp/gcp-target.ts';
import { createJwtSvidTarget } from '../src/federation/jwt-svid/jwt-svid-target.ts';
import { createOauthTarget } from '../src/federation/oauth/oauth-target.ts';
import { createOutbound } from '../src/outbound/guarded-outbound.ts';
import { compile } from '../src/policy/compile.ts';
import type { Snapshot } from '../src/policy/snapshot.ts';
import { readDocuments } from '../src/resources/read-documents.ts';
import { createDoor } from '../src/routes/doors.ts';
import { MemoryCache } from '../src/store/memory-cache.ts';
import { createLogger } from '../src/telemetry/logger.ts';
import { createMetrics } from '../src/telemetry/metrics.ts';
import { createIssuerKeys } from '../src/verifiers/issuer-keys.ts';
import { memoryKeyOwnership } from '../src/verifiers/key-ownership.ts';
import { createVerifier } from '../src/verifiers/verify.ts';
import { MemoryDocumentStore } from '../test/support/memory-document-store.ts';
import type { Material } from './material.ts';

// The product's own door, verifier, policy, journal and signer over HTTP, with two things taken away: the audit log
// takes records and keeps none, and no line is logged. It exists to show what those two cost, never to be run.
const clock = systemClock;
const ISSUER = 'http://127.0.0.1:8080';
const [materialFile = ''] = process.argv.slice(2);
const material = JSON.parse(await readFile(materialFile, 'utf8')) as Material;

const silentAudit: AuditLog = {
  record: async () => undefined,
  note: () => undefined,
  countRefused: () => undefined,
  head: () => GENESIS,
  state: () => ({ ok: true }),
  close: async () => undefined,
};

function snapshotOf(text: string, ownIssuers: readonly string[]): Snapshot {
  const context = { trustDomain: 'example.org', development: true, ownIssuers, requireGrants: false };
  const { documents } = readDocuments(text, { id: 'bench', baseDirectory: '/' }, { ...context, now: clock.now() });
  return compile({ documents, firstSeen: () => undefined, lastGood: [], context }).snapshot;
}

const log = createLogger({ level: 'error', clock, destination: { write: () => undefined } });
const metrics = createMetrics();
const encryptionKey = createSecretKey(randomBytes(32));
const authority = await createAuthority({ issuer: ISSUER, store: new MemoryDocumentStore(), encryptionKey, clock });
const outbound = createOutbound({ allowOrigins: [], allowLoopbackHttp: true, metrics, clock });
const snapshot = snapshotOf(material.resources, [authority.issuer('cloud'), authority.issuer('svid')]);
const keys = createIssuerKeys({ outbound, clock, metrics, ownership: memoryKeyOwnership(() => undefined) });
keys.follow(snapshot.issuers);
await keys.warm();

const nothing = () => ({});
const server = createDoor('all', {
  exchange: createExchange({
    catalog: { current: () => snapshot },
    verify: createVerifier({ keys, clock, bound: new ForgeryBound({ clock, metrics }).check }),
    rate: new IdentityRate({ clock }),
    singleUse: new SingleUse({ cache: new MemoryCache({ clock }), clock }),
    accessAsking: { ask: () => undefined },
    accessUse: { take: async () => undefined },
    journal: new Journal(silentAudit),
    targets: {
      aws: createAwsTarget({ authority, outbound, clock, log, metrics }),
      gcp: createGcpTarget({ authority, outbound, clock }),
      azure: createAzureTarget({ authority, outbound, clock }),
      oauth: createOauthTarget({ authority, outbound, clock, allowOrigins: [] }),
      jwtSvid: createJwtSvidTarget({ authority }),
    },
    clouds: new CloudCredentials({ clock, metrics }),
    metrics,
    clock,
  }),
  documents: { openidConfiguration: nothing, authorizationServer: nothing, jwks: nothing, spiffeBundle: nothing },
  parts: () => [],
  issuer: (purpose) => authority.issuer(purpose),
  workloadUrl: ISSUER,
  development: true,
  clock,
  log,
  metrics,
});
process.on('SIGTERM', () => process.exit(0));
process.stderr.write(`listening ${await server.listen({ host: '127.0.0.1', port: 0 })}\n`);
