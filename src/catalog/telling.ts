import { type Fault, KINDS } from '../resources/document.ts';
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
  for (const kind of KINDS) {
    const active = accepted.filter((document) => document.kind === kind).length;
    const all = documents.filter((document) => document.kind === kind).length;
    metrics.resources.set({ kind, state: 'active' }, active);
    metrics.resources.set({ kind, state: 'quarantined' }, all - active);
  }
  log.info('resources are in force', { revision: snapshot.revision, count: documents.length });
}

/** All errors, with those that stop the start first. */
export function withStopping({ stopping, faults }: Loaded): readonly Fault[] {
  const first = new Set(stopping.map(faultLine));
  return [...stopping, ...faults.filter((fault) => fault.severity === 'error' && !first.has(faultLine(fault)))];
}

function faultLine({ source, line, kind, name, field, message }: Fault): string {
  return JSON.stringify([source, line, kind, name, field, message]);
}
