import { type Document, type Fault, KINDS, type Kind } from '../resources/document.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Loaded } from './load-resources.ts';

const MAX_LOGGED_FAULTS = 100;

interface TellingDeps {
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'resources' | 'resourceFaults'>;
}

/** Says in the log and in metrics what has come into force, and of what is wrong with it what was not wrong before. */
export function tell(
  { snapshot, faults, documents, compiled: { accepted } }: Loaded,
  former: readonly Fault[],
  { log, metrics }: TellingDeps,
): void {
  const told = new Set(former.map(faultLine));
  for (const fault of faults.filter((one) => !told.has(faultLine(one))).slice(0, MAX_LOGGED_FAULTS)) {
    const { message, severity, source, ...where } = fault;
    log.warn(severity === 'error' ? 'faulty resource' : 'doubtful resource', { ...where, source, detail: message });
  }
  metrics.resourceFaults.set(faults.filter(({ severity }) => severity === 'error').length);
  const [active, all] = [countsOf(accepted), countsOf(documents)];
  for (const kind of KINDS) {
    metrics.resources.set({ kind, state: 'active' }, active[kind]);
    metrics.resources.set({ kind, state: 'quarantined' }, all[kind] - active[kind]);
  }
  log.info('resources are in force', { revision: snapshot.revision, count: documents.length });
}

/** All errors, with those that stop the start first. */
export function withStopping({ stopping, faults }: Loaded): readonly Fault[] {
  const first = new Set(stopping.map(faultLine));
  return [...stopping, ...faults.filter((fault) => fault.severity === 'error' && !first.has(faultLine(fault)))];
}

function countsOf(documents: readonly Document[]): Readonly<Record<Kind, number>> {
  const counts = { TrustedIssuer: 0, FederationMapping: 0, Guardrail: 0, FederationGrant: 0, AccessRequest: 0 };
  for (const { kind } of documents) counts[kind] += 1;
  return counts;
}

function faultLine({ source, line, kind, name, field, message }: Fault): string {
  return JSON.stringify([source, line, kind, name, field, message]);
}
