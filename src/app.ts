import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { type AuditLog, openAuditLog } from './audit/audit-log.ts';
import { streamName } from './audit/stream-name.ts';
import { PURPOSES, type Purpose } from './authority/authority.ts';
import { authorizationServerMetadata, discoveryDocument, jwksDocument, spiffeBundle } from './authority/discovery.ts';
import { loadEncryptionKey } from './authority/encryption-key-file.ts';
import { type KeyRotator, startKeyRotator } from './authority/key-rotator.ts';
import { createAuthority, type LocalAuthority } from './authority/local-authority.ts';
import { AccessRequests } from './catalog/access-requests.ts';
import { AccessVoiding } from './catalog/access-voiding.ts';
import { type Catalog, createCatalog } from './catalog/catalog.ts';
import { DeletedNames } from './catalog/deleted-names.ts';
import { HeldStops } from './catalog/held-stops.ts';
import { ParsedTexts } from './catalog/parsed-texts.ts';
import { ResourceMemory } from './catalog/resource-memory.ts';
import { StopRelay } from './catalog/stop-relay.ts';
import { StoredResources } from './catalog/stored-resources.ts';
import type { Config, ListenerConfig } from './config/config.ts';
import type { Clock } from './core/clock.ts';
import { AccessAsking } from './exchange/access-asking.ts';
import { AccessUse } from './exchange/access-use.ts';
import { CloudCredentials } from './exchange/cloud-credentials.ts';
import { createExchange } from './exchange/exchange.ts';
import { ForgeryBound } from './exchange/forgery-bound.ts';
import { IdentityRate } from './exchange/identity-rate.ts';
import { Journal } from './exchange/journal.ts';
import { SingleUse } from './exchange/single-use.ts';
import { createAwsTarget } from './federation/aws/aws-target.ts';
import { createAzureTarget } from './federation/azure/azure-target.ts';
import { createGcpTarget } from './federation/gcp/gcp-target.ts';
import { createJwtSvidTarget } from './federation/jwt-svid/jwt-svid-target.ts';
import { createOauthTarget } from './federation/oauth/oauth-target.ts';
import { createOutbound } from './outbound/guarded-outbound.ts';
import type { Outbound } from './outbound/outbound.ts';
import { compile } from './policy/compile.ts';
import type { Fault } from './resources/document.ts';
import type { DoorDeps, PublishedDocuments, RegisterRoutes } from './routes/door-deps.ts';
import { createDoor } from './routes/doors.ts';
import { readiness } from './routes/readiness.ts';
import { readTlsFiles } from './routes/tls-files.ts';
import type { Cache } from './store/cache.ts';
import { type CacheSeal, createCacheSeal } from './store/cache-seal.ts';
import type { DocumentStore } from './store/document-store.ts';
import { MemoryCache } from './store/memory-cache.ts';
import { openStore } from './store/open-store.ts';
import { LineBuffer } from './telemetry/line-buffer.ts';
import { createLogger, type Log } from './telemetry/logger.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { createIssuerKeys, type IssuerKeys } from './verifiers/issuer-keys.ts';
import { type KeyOwnership, memoryKeyOwnership } from './verifiers/key-ownership.ts';
import { openKeyOwnership, type StoredKeyOwnership } from './verifiers/key-ownership-store.ts';
import { createTokenReview } from './verifiers/token-review.ts';
import { createVerifier, type Verify } from './verifiers/verify.ts';

/** Longer than any exchange takes; shorter than the 30 s after which Kubernetes kills. */
const DRAIN_MS = 20_000;

/** Connections that wait to be accepted: what comes beyond them hears nothing until it tries again, seconds later. */
const BACKLOG = 4096;

/** A quarter of the exchanges that the door lets in at once. */
const MAX_WAITING_FOR_KEYS = 256;

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
interface Parts {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly store: DocumentStore;
  readonly cache: Cache;
  readonly rate: IdentityRate;
  readonly authority: LocalAuthority;
  readonly rotator: KeyRotator;
  readonly audit: AuditLog;
  readonly outbound: Outbound;
  readonly keys: IssuerKeys;
  readonly held: HeldStops;
  readonly shared: { readonly cache: Cache; readonly seal: CacheSeal } | undefined;
  readonly stored: StoredResources;
  readonly deletedNames: DeletedNames;
  readonly access: AccessRequests;
  readonly accessAsking: AccessAsking;
  readonly catalog: Catalog;
  readonly clouds: CloudCredentials;
}

/**
 * The composition root: makes every concrete object of a Config. Throws StartRefused, KeyFault, StoreFault,
 * AuditLogCorrupt or StreamInUse when Carnet must not run; whatever had been opened by then is closed again.
 */
export async function createApp(config: Config, deps: AppDeps): Promise<App> {
  const opened = new AsyncDisposableStack();
  try {
    const parts = await open(config, deps, opened);
    return await serving(parts, opened, deps.drainMilliseconds ?? DRAIN_MS);
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
  const store = await openStore({ place: config.store, clock });
  opened.defer(() => store.close());
  const cache = await openCache(config, { clock, metrics, log });
  opened.defer(() => cache.close());
  const rate = new IdentityRate({ clock, ...(config.cache.redis !== undefined && { shared: cache }) });
  opened.defer(rate.start());
  const ownership = await keyOwnership(store, log);
  opened.defer(() => ownership.close());
  const authority = await createAuthority({ issuer: config.issuer, store, encryptionKey, clock });
  const stream = streamName(config.audit, 'postgres' in config.store);
  const held = await HeldStops.open(join(config.audit.directory, `${stream}.stops.json`));
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
  const shared = config.cache.redis && { cache, seal: createCacheSeal(encryptionKey) };
  const keys = issuerKeys({ outbound, clock, metrics, log, ownership, ...(shared && { shared }) });
  const stored = new StoredResources(store, held);
  const deletedNames = new DeletedNames(store);
  const parsed = await parsedTexts(config.store, { seal: createCacheSeal(encryptionKey), log });
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
    compile,
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
  recordChanges(catalog, audit);
  const relay = stopRelay(parts);
  opened.defer(() => relay.close());
  const verify = workloadVerifier(parts);
  const admin = await adminApi(parts, verify, relay);
  const deps = { ...doorDeps(parts, verify), ...(admin !== undefined && { admin }) };
  const doors: Door[] = [];
  for (const listener of config.listeners) doors.push({ listener, server: await door(listener, deps) });
  opened.defer(async () => {
    await Promise.all(doors.map(({ server }) => drained(server, drainMs)));
  });
  return {
    start: () => Promise.all(doors.map(listen)),
    summary: () => ({ mappings: catalog.current().mappings.size, faults: catalog.faults() }),
    close: () => opened.disposeAsync(),
  };
}

interface Door {
  readonly listener: ListenerConfig;
  readonly server: FastifyInstance;
}

async function door({ name, tls }: ListenerConfig, deps: DoorDeps): Promise<FastifyInstance> {
  if (tls === undefined) return createDoor(name, deps);
  const field = name === 'all' ? 'listen.tls' : `listeners.${name}.tls`;
  return createDoor(name, deps, await readTlsFiles({ field, ...tls }));
}

/** A closing server of Node watches no client's time any more: one that sends its request for ever would hold it open. */
async function drained(server: FastifyInstance, drainMs: number): Promise<void> {
  const timer = setTimeout(() => server.server.closeAllConnections(), drainMs);
  await server.close().finally(() => clearTimeout(timer));
}

async function listen({ listener, server }: Door): Promise<{ door: string; url: string }> {
  const url = await server.listen({ host: listener.host, port: listener.port, backlog: BACKLOG });
  // The framework does not know that the server it was given speaks TLS.
  return { door: listener.name, url: listener.tls === undefined ? url : url.replace(/^http:/, 'https:') };
}

function workloadVerifier({ keys, clock, metrics, outbound }: Parts): Verify {
  return createVerifier({
    keys,
    clock,
    review: createTokenReview({ outbound, clock, metrics }),
    bound: new ForgeryBound({ clock, metrics }).check,
  });
}

function doorDeps(parts: Parts, verify: Verify): DoorDeps {
  const { config, clock, log, metrics, cache, rate, authority, audit, outbound, catalog, clouds } = parts;
  const federation = { authority, outbound, clock };
  return {
    exchange: createExchange({
      catalog,
      verify,
      rate,
      metrics,
      singleUse: new SingleUse({ cache, clock }),
      accessAsking: parts.accessAsking,
      accessUse: new AccessUse({ access: parts.access, clock }),
      journal: new Journal(audit),
      targets: {
        aws: createAwsTarget({ ...federation, log, metrics, ...config.clouds.aws }),
        gcp: createGcpTarget({ ...federation, ...config.clouds.gcp }),
        azure: createAzureTarget({ ...federation, ...config.clouds.azure }),
        oauth: createOauthTarget({ ...federation, allowOrigins: config.outbound.allowOrigins }),
        jwtSvid: createJwtSvidTarget({ authority }),
      },
      clouds,
      clock,
    }),
    documents: published(authority, config.workloadUrl),
    parts: () =>
      readiness({ ...parts, origins: { allowOrigins: allowedOrigins(config), development: config.development } }),
    issuer: (purpose) => authority.issuer(purpose),
    workloadUrl: config.workloadUrl,
    development: config.development,
    clock,
    log,
    metrics,
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

function published(authority: LocalAuthority, workloadUrl: string): PublishedDocuments {
  const publication = (purpose: Purpose) => ({ purpose, issuer: authority.issuer(purpose), workloadUrl });
  return {
    openidConfiguration: (purpose) => discoveryDocument(publication(purpose)),
    authorizationServer: (purpose) => authorizationServerMetadata(publication(purpose)),
    jwks: (purpose) => jwksDocument(authority.publicKeys(purpose)),
    spiffeBundle: () => spiffeBundle(authority.publicKeys('svid'), authority.keysChangedAt('svid')),
  };
}

function recordChanges(catalog: Catalog, audit: AuditLog): void {
  catalog.onReload((outcome) => {
    if (outcome !== 'changed') return;
    audit.note({ type: 'changed', outcome: 'resources', revision: catalog.current().revision });
  });
}

/** What replicas share, or this process alone has: nothing in it is missed for longer than it takes to ask again. */
async function openCache(config: Config, deps: Pick<Parts, 'clock' | 'metrics' | 'log'>): Promise<Cache> {
  const { clock, metrics, log } = deps;
  const { redis } = config.cache;
  if (redis === undefined) return new MemoryCache({ clock });
  // Who has no Redis does not load its client.
  const { RedisCache } = await import('./store/redis-cache.ts');
  const issuer = createHash('sha256').update(config.issuer).digest('base64url').slice(0, 16);
  return new RedisCache({
    ...redis,
    prefix: `carnet:${config.trustDomain}:${issuer}:`,
    metrics,
    onState: ({ ok, reason }) =>
      ok
        ? log.info('the cache can be had', { part: 'cache', state: 'ok' })
        : log.error('the cache cannot be had', { part: 'cache', state: 'degraded', detail: reason }),
  });
}

/** Beside a store that is a file; where the store is a server, there is no folder that outlives the process. */
async function parsedTexts(
  place: Config['store'],
  { seal, log }: { readonly seal: CacheSeal; readonly log: Log },
): Promise<ParsedTexts | undefined> {
  if (!('sqlite' in place)) return undefined;
  return await ParsedTexts.open({
    path: `${place.sqlite.path}-parsed`,
    seal,
    onFailure: (cause) => log.warn('what the next start would not have to parse cannot be kept', { cause }),
  });
}

function keyOwnership(store: DocumentStore, log: Log): Promise<StoredKeyOwnership> {
  return openKeyOwnership({
    store,
    onSharedKey: ({ owner, other }) =>
      log.error('two issuers show one key; it counts for its owner only', { issuer: other, detail: `owner ${owner}` }),
    onFailure: (cause) => log.error('whose key is whose cannot be written to the store', { cause }),
  });
}

interface IssuerKeysParts extends Pick<Parts, 'outbound' | 'clock' | 'metrics' | 'log'> {
  readonly ownership: KeyOwnership;
  readonly shared?: { readonly cache: Cache; readonly seal: CacheSeal };
}

function issuerKeys({ log, shared, ...deps }: IssuerKeysParts): IssuerKeys {
  const onRejected = (issuer: string, reason: string) => {
    deps.metrics.cacheRejected.inc({ issuer });
    log.error('what lies in the cache for an issuer is not believed', { issuer, detail: reason });
  };
  return createIssuerKeys({
    ...deps,
    maxWaiting: MAX_WAITING_FOR_KEYS,
    ...(shared && { shared: { ...shared, wait: (milliseconds) => pass(milliseconds), onRejected } }),
    onFailure: (issuer, reason) => log.warn('the keys of an issuer cannot be had', { issuer, detail: reason }),
  });
}

/** Endpoints named in `clouds` may be anywhere, private addresses too. */
function allowedOrigins({ clouds, outbound }: Config): readonly string[] {
  const endpoints = [clouds.aws, clouds.gcp, clouds.azure].flatMap((cloud) => Object.values(cloud));
  return [...outbound.allowOrigins, ...endpoints.map((endpoint) => new URL(endpoint).origin)];
}
