import { join } from 'node:path';
import { type Door, type DoorParts, doorDeps, openDoor, workloadVerifier } from './app-doors.ts';
import { accessClearing, keyOwnership, openCache, openDocuments, openParsedTexts } from './app-stores.ts';
import { allowedOrigins, issuerKeys } from './app-ways-out.ts';
import { type AuditLog, openAuditLog } from './audit/audit-log.ts';
import { streamName } from './audit/stream-name.ts';
import { PURPOSES } from './authority/authority.ts';
import { loadEncryptionKey } from './authority/encryption-key-file.ts';
import { startKeyRotator } from './authority/key-rotator.ts';
import { createAuthority } from './authority/local-authority.ts';
import { AccessRequests } from './catalog/access-requests.ts';
import { AccessVoiding } from './catalog/access-voiding.ts';
import { type Catalog, createCatalog } from './catalog/catalog.ts';
import { DeletedNames } from './catalog/deleted-names.ts';
import { HeldStops } from './catalog/held-stops.ts';
import { ResourceMemory } from './catalog/resource-memory.ts';
import { StopRelay } from './catalog/stop-relay.ts';
import { StoredResources } from './catalog/stored-resources.ts';
import type { Config } from './config/config.ts';
import type { Clock } from './core/clock.ts';
import { AccessAsking } from './exchange/access-asking.ts';
import { CloudCredentials } from './exchange/cloud-credentials.ts';
import { IdentityRate } from './exchange/identity-rate.ts';
import { createOutbound } from './outbound/guarded-outbound.ts';
import type { Outbound } from './outbound/outbound.ts';
import { compileInSteps } from './policy/compile.ts';
import type { Fault } from './resources/document.ts';
import type { RegisterRoutes } from './routes/door-deps.ts';
import type { Cache } from './store/cache.ts';
import { type CacheSeal, createCacheSeal } from './store/cache-seal.ts';
import { LineBuffer } from './telemetry/line-buffer.ts';
import { createLogger } from './telemetry/logger.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { memoryKeyOwnership } from './verifiers/key-ownership.ts';
import type { Verify } from './verifiers/verify.ts';

/** Longer than any exchange takes; shorter than the 30 s after which Kubernetes kills. */
const DRAIN_MS = 20_000;

export interface App {
  /** Listens on every door and resolves to where. */
  start(): Promise<readonly { readonly door: string; readonly url: string }[]>;
  /** What is in force now. */
  summary(): { readonly mappings: number; readonly faults: readonly Fault[] };
  /** Ends requests under way, then everything else; what was promised to the audit log is on disk afterwards. */
  close(): Promise<void>;
}

interface AppDeps {
  readonly clock: Clock;
  /** Where the log goes. */
  readonly destination: { write(line: string): unknown };
  /** How long `close` waits for requests under way before their connections are cut. Default 20,000 ms. */
  readonly drainMilliseconds?: number;
  /** What everything else takes for the guarded way out. Tests put doubles in the place of hosts that no setting moves. */
  readonly wayOut?: (guarded: Outbound) => Outbound;
}

/** The concrete parts, in the order in which they are built; they are closed in the opposite one. */
interface Parts extends DoorParts {
  readonly held: HeldStops;
  readonly shared: { readonly cache: Cache; readonly seal: CacheSeal } | undefined;
  readonly stored: StoredResources;
  readonly deletedNames: DeletedNames;
}

/**
 * The composition root: makes every concrete object of a Config. Throws StartRefused, KeyFault, StoreFault,
 * AuditLogCorrupt or StreamInUse when Carnet must not run; whatever had been opened by then is closed again.
 */
export async function createApp(config: Config, deps: AppDeps): Promise<App> {
  const opened = new AsyncDisposableStack();
  try {
    const parts = await open(config, deps, opened);
    const app = await serving(parts, opened, deps.drainMilliseconds ?? DRAIN_MS);
    parts.store.started?.();
    return app;
  } catch (error) {
    // What stopped the start is told, not what cleaning up after it met.
    await Promise.allSettled([opened.disposeAsync()]);
    throw error;
  }
}

async function open(
  config: Config,
  { clock, destination, wayOut }: AppDeps,
  opened: AsyncDisposableStack,
): Promise<Parts> {
  const lines = new LineBuffer({ destination, defer: setImmediate });
  opened.defer(lines.flush);
  const log = createLogger({ level: config.log.level, clock, destination: lines });
  const metrics = createMetrics();
  const { encryptionKeyFile } = config.signing;
  const encryptionKey = await loadEncryptionKey({ path: encryptionKeyFile, development: config.development });
  const stream = streamName(config.audit, 'postgres' in config.store);
  const seal = createCacheSeal(encryptionKey);
  const store = await openDocuments(config, { clock, log, seal, stream });
  opened.defer(() => store.close());
  const cache = await openCache(config, { clock, metrics, log });
  opened.defer(() => cache.close());
  const rate = new IdentityRate({ clock, ...(config.cache.redis !== undefined && { shared: cache }) });
  opened.defer(rate.start());
  const ownership = await keyOwnership(store, log);
  opened.defer(() => ownership.close());
  const authority = await createAuthority({ issuer: config.issuer, store, encryptionKey, clock });
  const held = await HeldStops.open(join(config.audit.directory, `${stream}.stops.json`), (name, renamed) => {
    const detail = `${name}: kept as ${renamed}`;
    log.warn('the store has another stop of this name', { detail });
    audit.note({ type: 'changed', outcome: 'stop-renamed', detail });
  });
  const audit = await openAuditLog({
    directory: config.audit.directory,
    stream,
    store,
    clock,
    metrics,
    log,
  });
  opened.defer(() => audit.close());
  const rotator = await startKeyRotator({
    store,
    encryptionKey,
    clock,
    authority,
    metrics,
    rotateEveryMs: config.signing.rotateEverySeconds * 1000,
    record: async ({ purpose, kid, change }) => {
      await audit.record({ type: 'changed', outcome: 'keys', detail: `${purpose} key ${kid}: ${change}` });
      log.info('a signing key changed its state', { purpose, kid, state: change });
    },
    onFailure: ({ purpose, cause }) =>
      log.error('the signing keys cannot be followed', {
        purpose,
        cause,
        detail: cause instanceof Error && cause.message,
      }),
  });
  opened.defer(() => rotator.close());
  const guarded = createOutbound({
    allowOrigins: allowedOrigins(config),
    allowLoopbackHttp: config.development,
    metrics,
    clock,
  });
  opened.defer(() => guarded.close());
  const outbound = wayOut?.(guarded) ?? guarded;
  const shared = config.cache.redis && { cache, seal };
  const keys = issuerKeys({ outbound, clock, metrics, log, ownership, ...(shared && { shared }) });
  const stored = new StoredResources(store, held);
  const deletedNames = new DeletedNames(store);
  const parsed = await openParsedTexts(config.store, { seal, log });
  opened.defer(() => parsed?.close());
  const access = new AccessRequests({
    store,
    onFailure: (cause) => log.warn('access requests cannot be read', { cause }),
  });
  opened.defer(() => access.close());
  const accessAsking = new AccessAsking({
    access,
    audit,
    clock,
    metrics,
    onFailure: (cause) => log.warn('an access request cannot be stored', { cause }),
  });
  opened.defer(() => accessAsking.settled());
  const catalog = createCatalog({
    sources: config.resources,
    stored,
    access,
    ...(parsed && { parsed }),
    memory: new ResourceMemory(store),
    deletedNames,
    onNameReused: (name) => audit.note({ type: 'changed', outcome: 'mapping-name-reused', detail: name }),
    compile: compileInSteps,
    context: {
      trustDomain: config.trustDomain,
      development: config.development,
      ownIssuers: PURPOSES.map((purpose) => authority.issuer(purpose)),
      requireGrants: config.requireGrants,
      ...(config.admin.oidc !== undefined && { adminAudience: config.admin.oidc.audience }),
      ...(config.ownCluster !== undefined && { ownCluster: config.ownCluster }),
    },
    beforeSwap: ({ issuers }) => {
      keys.follow(issuers);
      // Nobody waits for it: an issuer whose keys cannot be had now is asked again at its first token.
      void keys.warm();
    },
    clock,
    log,
    metrics,
  });
  const clouds = new CloudCredentials({ clock, metrics });
  // Renewals that no request waits for.
  opened.defer(() => clouds.settled());
  return {
    config,
    clock,
    log,
    metrics,
    store,
    cache,
    rate,
    authority,
    rotator,
    audit,
    outbound,
    keys,
    held,
    shared,
    stored,
    deletedNames,
    access,
    accessAsking,
    catalog,
    clouds,
  };
}

async function serving(parts: Parts, opened: AsyncDisposableStack, drainMs: number): Promise<App> {
  const { catalog, audit, config } = parts;
  await parts.access.start();
  await catalog.start();
  opened.defer(() => catalog.close());
  const voiding = new AccessVoiding(parts);
  // Mappings may have changed while nobody looked.
  voidAccess(parts, voiding);
  catalog.onReload((outcome) => void (outcome !== 'failed' && voidAccess(parts, voiding)));
  const clearing = accessClearing(parts.access, parts);
  opened.defer(() => clearing.close());
  recordChanges(catalog, audit);
  const relay = stopRelay(parts);
  opened.defer(() => relay.close());
  const verify = workloadVerifier(parts);
  const admin = await adminApi(parts, verify, relay);
  const deps = { ...doorDeps(parts, verify), ...(admin !== undefined && { admin }) };
  const doors: Door[] = [];
  for (const listener of config.listeners) doors.push(await openDoor(listener, deps));
  opened.defer(async () => {
    await Promise.all(doors.map((door) => door.close(drainMs)));
  });
  return {
    start: () => Promise.all(doors.map((door) => door.listen())),
    summary: () => ({ mappings: catalog.current().mappings.size, faults: catalog.faults() }),
    close: () => opened.disposeAsync(),
  };
}

function stopRelay({ held, shared, stored, catalog, clock, log, audit }: Parts): StopRelay {
  const onTaken = (name: string) => audit.note({ type: 'changed', outcome: 'stop-taken', detail: name });
  const relay = new StopRelay({ held, stored, catalog, clock, log, onTaken, ...(shared && { shared }) });
  relay.start();
  return relay;
}

/** The admin API, where somebody signs people in: who has none does not load it. */
async function adminApi(parts: Parts, verify: Verify, relay: StopRelay): Promise<RegisterRoutes | undefined> {
  const { oidc } = parts.config.admin;
  if (oidc === undefined) return undefined;
  const { openAdminApi } = await import('./app-admin.ts');
  const { outbound, clock, metrics, log } = parts;
  // Nobody else's: no TrustedIssuer can take one of them for its own.
  const keys = issuerKeys({ outbound, clock, metrics, log, ownership: memoryKeyOwnership(() => undefined) });
  return await openAdminApi({ ...parts, oidc, keys, verify, relay });
}

/** What cannot be ended now is void all the same, and ended after a later reading: it names another version of its mapping. */
function voidAccess({ catalog, log }: Parts, voiding: AccessVoiding): void {
  void voiding
    .run(catalog.loaded())
    .catch((cause) => log.warn('access to a mapping that has changed cannot be ended in the store', { cause }));
}

function recordChanges(catalog: Catalog, audit: AuditLog): void {
  catalog.onReload((outcome) => {
    if (outcome !== 'changed') return;
    audit.note({ type: 'changed', outcome: 'resources', revision: catalog.current().revision });
  });
}
