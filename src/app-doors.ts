import type { FastifyInstance } from 'fastify';
import { allowedOrigins, targetsOf } from './app-ways-out.ts';
import type { AuditLog } from './audit/audit-log.ts';
import type { Purpose } from './authority/authority.ts';
import { authorizationServerMetadata, discoveryDocument, jwksDocument, spiffeBundle } from './authority/discovery.ts';
import type { KeyRotator } from './authority/key-rotator.ts';
import type { LocalAuthority } from './authority/local-authority.ts';
import type { AccessRequests } from './catalog/access-requests.ts';
import type { Catalog } from './catalog/catalog.ts';
import type { Config, ListenerConfig } from './config/config.ts';
import type { Clock } from './core/clock.ts';
import type { AccessAsking } from './exchange/access-asking.ts';
import { AccessUse } from './exchange/access-use.ts';
import type { CloudCredentials } from './exchange/cloud-credentials.ts';
import { createExchange } from './exchange/exchange.ts';
import { ForgeryBound } from './exchange/forgery-bound.ts';
import type { IdentityRate } from './exchange/identity-rate.ts';
import { Journal } from './exchange/journal.ts';
import { SingleUse } from './exchange/single-use.ts';
import type { Outbound } from './outbound/outbound.ts';
import type { DoorDeps, PublishedDocuments } from './routes/door-deps.ts';
import { createDoor } from './routes/doors.ts';
import { readiness } from './routes/readiness.ts';
import { readTlsFiles } from './routes/tls-files.ts';
import type { Cache } from './store/cache.ts';
import type { DocumentStore } from './store/document-store.ts';
import type { Log } from './telemetry/logger.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { IssuerKeys } from './verifiers/issuer-keys.ts';
import { createTokenReview } from './verifiers/token-review.ts';
import { createVerifier, type Verify } from './verifiers/verify.ts';

// The composition root's part for what is listened on, and for the exchange behind it.

/** Connections that wait to be accepted: what comes beyond them hears nothing until it tries again, seconds later. */
const BACKLOG = 4096;

/** What the doors take of a running Carnet. */
export interface DoorParts {
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
  readonly access: AccessRequests;
  readonly accessAsking: AccessAsking;
  readonly catalog: Catalog;
  readonly clouds: CloudCredentials;
}

/** A listener, not yet listening. */
export interface Door {
  /** Resolves to where. */
  listen(): Promise<{ readonly door: string; readonly url: string }>;
  /** Waits `drainMs` for requests under way, then cuts their connections. */
  close(drainMs: number): Promise<void>;
}

export async function openDoor(listener: ListenerConfig, deps: DoorDeps): Promise<Door> {
  const { name, host, port, tls } = listener;
  const server = await serverOf(listener, deps);
  return {
    async listen() {
      const url = await server.listen({ host, port, backlog: BACKLOG });
      // The framework does not know that the server it was given speaks TLS.
      return { door: name, url: tls === undefined ? url : url.replace(/^http:/, 'https:') };
    },
    async close(drainMs) {
      // A closing server of Node watches no client's time any more: one that sends its request for ever would hold it open.
      const timer = setTimeout(() => server.server.closeAllConnections(), drainMs);
      await server.close().finally(() => clearTimeout(timer));
    },
  };
}

async function serverOf({ name, tls }: ListenerConfig, deps: DoorDeps): Promise<FastifyInstance> {
  if (tls === undefined) return createDoor(name, deps);
  const field = name === 'all' ? 'listen.tls' : `listeners.${name}.tls`;
  return createDoor(name, deps, await readTlsFiles({ field, ...tls }));
}

export function workloadVerifier({ keys, clock, metrics, outbound }: DoorParts): Verify {
  return createVerifier({
    keys,
    clock,
    review: createTokenReview({ outbound, clock, metrics }),
    bound: new ForgeryBound({ clock, metrics }).check,
  });
}

export function doorDeps(parts: DoorParts, verify: Verify): DoorDeps {
  const { config, clock, log, metrics, cache, rate, authority, audit, catalog, clouds } = parts;
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
      targets: targetsOf(parts),
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

function published(authority: LocalAuthority, workloadUrl: string): PublishedDocuments {
  const publication = (purpose: Purpose) => ({ purpose, issuer: authority.issuer(purpose), workloadUrl });
  return {
    openidConfiguration: (purpose) => discoveryDocument(publication(purpose)),
    authorizationServer: (purpose) => authorizationServerMetadata(publication(purpose)),
    jwks: (purpose) => jwksDocument(authority.publicKeys(purpose)),
    spiffeBundle: () => spiffeBundle(authority.publicKeys('svid'), authority.keysChangedAt('svid')),
  };
}
