import { AccessAdmin } from './admin/access/access-admin.ts';
import { AdminJournal } from './admin/admin-journal.ts';
import { type BootstrapToken, openBootstrapToken } from './admin/bootstrap-token.ts';
import { createEmergencyStop } from './admin/emergency-stop.ts';
import { createExplain } from './admin/explain.ts';
import { FirstOwner } from './admin/first-owner.ts';
import { lastEditors } from './admin/last-editors.ts';
import { createNameOwner } from './admin/name-owner.ts';
import { Proposals } from './admin/proposals.ts';
import { createReplay } from './admin/replay/replay.ts';
import { createReports } from './admin/reports/reports.ts';
import { ResourceAdmin } from './admin/resource-admin.ts';
import { SecondPerson } from './admin/second-person.ts';
import { type AdminOidc, adminIssuers, createSignIn } from './admin/sign-in.ts';
import { AuditTrail } from './admin/trail/audit-trail.ts';
import { createWhy } from './admin/trail/why.ts';
import type { AuditLog } from './audit/audit-log.ts';
import { AuditHistory } from './audit/history.ts';
import type { AccessRequests } from './catalog/access-requests.ts';
import type { Catalog } from './catalog/catalog.ts';
import type { DeletedNames } from './catalog/deleted-names.ts';
import type { HeldStops } from './catalog/held-stops.ts';
import type { StopRelay } from './catalog/stop-relay.ts';
import type { StoredResources } from './catalog/stored-resources.ts';
import type { Config } from './config/config.ts';
import type { Clock } from './core/clock.ts';
import { ForgeryBound } from './exchange/forgery-bound.ts';
import { adminRoutes } from './routes/admin/admin-routes.ts';
import type { RegisterRoutes } from './routes/door-deps.ts';
import type { DocumentStore } from './store/document-store.ts';
import type { Log } from './telemetry/logger.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { IssuerKeys } from './verifiers/issuer-keys.ts';
import { createVerifier, type Verify } from './verifiers/verify.ts';

/** What the admin API takes of a running Carnet. */
interface AdminParts {
  readonly config: Config;
  readonly oidc: AdminOidc;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly store: DocumentStore;
  readonly audit: AuditLog;
  readonly held: HeldStops;
  readonly stored: StoredResources;
  readonly access: AccessRequests;
  readonly deletedNames: DeletedNames;
  readonly catalog: Catalog;
  readonly relay: StopRelay;
  /** Of who signs people in, and of nobody else. */
  readonly keys: IssuerKeys;
  /** Of workloads' tokens, for `explain`. */
  readonly verify: Verify;
}

/** The composition root's part for the admin API: its concrete objects, and the routes that live on them. */
export async function openAdminApi(parts: AdminParts): Promise<RegisterRoutes> {
  const { config, oidc, clock, log, metrics, store, audit, held, stored, deletedNames, catalog } = parts;
  const { access, relay, keys, verify } = parts;
  const issuers = adminIssuers(oidc, config.trustDomain);
  keys.follow(issuers);
  void keys.warm();
  const owner = new FirstOwner(store);
  const journal = new AdminJournal(audit, clock);
  // Once known, an outage of the store does not keep the first owner out.
  await owner.get().catch(() => undefined);
  const bootstrap = await bootstrapToken(parts, owner);
  const secondPerson = new SecondPerson({ rules: config.admin, proposals: new Proposals(store, clock), journal });
  const emergencyStop = createEmergencyStop({ catalog, stored, held, relay, journal, clock });
  const history = new AuditHistory({ directory: config.audit.directory, clock });
  const deps = {
    signIn: createSignIn({
      oidc,
      issuers,
      verify: createVerifier({ keys, clock, bound: new ForgeryBound({ clock, metrics }).check }),
      owner,
      onRefused: (reason) => journal.notSignedIn(reason),
      ...(bootstrap !== undefined && { bootstrap }),
    }),
    journal,
    resources: new ResourceAdmin({ catalog, stored, deletedNames, journal, clock, secondPerson, emergencyStop }),
    nameOwner: createNameOwner({ oidc, owner, journal }),
    explain: createExplain({ catalog, verify, clock }),
    requests: new AccessAdmin({
      catalog,
      access,
      journal,
      editors: (mapping) => lastEditors(stored, mapping),
      clock,
      metrics,
      onBreakGlass: ({ request, mapping, by }) =>
        log.warn('access was opened by break-glass', { mapping, detail: `${request} by ${by.subject}` }),
    }),
    trail: new AuditTrail({ history, catalog, stored, clock }),
    why: createWhy({ history, catalog, stored, clock }),
    report: createReports({ history, catalog, stored, clock }),
    replay: createReplay({ history, catalog, stored, clock }),
  };
  return (server, doorLog) => adminRoutes(server, deps, doorLog);
}

/** A token file that cannot be had stops nothing: owners by claim need none. */
async function bootstrapToken(
  { config, store, clock, log }: AdminParts,
  owner: FirstOwner,
): Promise<BootstrapToken | undefined> {
  const { bootstrapTokenFile: path } = config.admin;
  if (path === undefined) return undefined;
  try {
    return await openBootstrapToken({ path, store, owner, clock });
  } catch (cause) {
    log.error('the bootstrap token cannot be had', { field: 'admin.bootstrapTokenFile', cause });
    return undefined;
  }
}
