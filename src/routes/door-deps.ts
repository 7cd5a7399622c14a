import type { FastifyInstance } from 'fastify';
import type { AccessAdmin } from '../admin/access/access-admin.ts';
import type { Explain } from '../admin/explain.ts';
import type { NameOwner } from '../admin/name-owner.ts';
import type { RunReplay } from '../admin/replay/replay.ts';
import type { MakeReport } from '../admin/reports/reports.ts';
import type { ResourceAdmin } from '../admin/resource-admin.ts';
import type { SignIn } from '../admin/sign-in.ts';
import type { AuditTrail } from '../admin/trail/audit-trail.ts';
import type { TellWhy } from '../admin/trail/why.ts';
import type { Purpose } from '../authority/authority.ts';
import type { Clock } from '../core/clock.ts';
import type { JsonObject } from '../core/json.ts';
import type { Exchange } from '../exchange/exchange-request.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { RefusalJournal } from './admin/signed-in.ts';

/** What Carnet publishes about itself, as it stands at the moment of the call. */
export interface PublishedDocuments {
  openidConfiguration(purpose: Purpose): JsonObject;
  authorizationServer(purpose: Purpose): JsonObject;
  jwks(purpose: Purpose): JsonObject;
  spiffeBundle(): JsonObject;
}

/** One part of the service, as `/readyz` names it. `degraded` still serves, `failed` does not. */
export interface Part {
  /** `audit`, `keys`, `resources`, `issuer edge-7` */
  readonly name: string;
  readonly state: 'ok' | 'degraded' | 'failed';
  /** For operators, on the admin door only. */
  readonly detail?: string;
}

/** What the routes of the admin API live on. */
export interface AdminDeps {
  readonly signIn: SignIn;
  readonly journal: RefusalJournal;
  readonly resources: Pick<
    ResourceAdmin,
    'list' | 'get' | 'put' | 'delete' | 'history' | 'rollback' | 'apply' | 'proposals' | 'withdraw'
  >;
  readonly nameOwner: NameOwner;
  readonly explain: Explain;
  readonly why: TellWhy;
  readonly report: MakeReport;
  readonly replay: RunReplay;
  readonly trail: Pick<AuditTrail, 'now' | 'records' | 'outstanding'>;
  readonly requests: Pick<AccessAdmin, 'list' | 'get' | 'ask' | 'decide'>;
}

/** Adds routes to a listener's server. */
export type RegisterRoutes = (server: FastifyInstance, log: Log) => void;

/** Everything that routes live on. */
export interface DoorDeps {
  readonly exchange: Exchange;
  readonly documents: PublishedDocuments;
  /** Absent: there is no admin API. */
  readonly admin?: RegisterRoutes;
  /** Every part, in a stable order. Must not wait for anything. */
  readonly parts: () => readonly Part[];
  /** The `iss` of a purpose: where its documents are served follows from its path, never from a Host header (M1). */
  readonly issuer: (purpose: Purpose) => string;
  /** Base of the token endpoint, no trailing slash. */
  readonly workloadUrl: string;
  readonly development: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}
