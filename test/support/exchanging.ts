import { join } from 'node:path';
import { readAuditLog } from '../../src/audit/read-log.ts';
import type { AuditRecord } from '../../src/audit/record.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Outbound } from '../../src/outbound/outbound.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeClock } from './fake-clock.ts';
import { AUDIENCE, clusterIssuer, exchangeForm, freePort, install, start } from './running-carnet.ts';

export interface Answered {
  readonly status: number;
  /** Seconds, where the answer has one. */
  readonly retryAfter: number | undefined;
  readonly body: Record<string, unknown>;
}

/** The whole product beside doubles of clouds: workloads ask for mappings by name at POST /oauth2/token. */
export interface Exchanging {
  readonly clock: FakeClock;
  /** As a pod of the ServiceAccount that has the mapping's name. */
  ask(name: string, asked?: { readonly pod?: string; readonly more?: Record<string, string> }): Promise<Answered>;
  /** All that are about the mapping, in order. */
  records(mapping: string): Promise<readonly AuditRecord[]>;
  stop(): Promise<void>;
}

interface ExchangingOptions<T> {
  /** Starts the doubles, which trust the issuer at `issuer` and share the clock. */
  readonly clouds: (world: { readonly issuer: string; readonly clock: FakeClock }) => Promise<T>;
  /** Mappings, and lines of carnet.yaml. */
  readonly configure: (clouds: T) => {
    readonly mappings: string;
    readonly more?: string;
    readonly allowOrigins?: readonly string[];
  };
  /** Puts doubles in the place of hosts that no configuration can move. */
  readonly wayOut?: (guarded: Outbound, clouds: T) => Outbound;
}

/** Time stands still unless a test moves it. */
export async function exchanging<T>(options: ExchangingOptions<T>): Promise<Exchanging & { readonly clouds: T }> {
  const clock = new FakeClock(systemClock.now());
  const cluster = await FakeCluster.start({ now: () => clock.now() });
  const port = await freePort();
  const clouds = await options.clouds({ issuer: `http://127.0.0.1:${port}`, clock });
  const { mappings, ...rest } = options.configure(clouds);
  const installation = await install({ cluster, resources: clusterIssuer(cluster) + mappings, port, ...rest });
  const wayOut = (guarded: Outbound) => options.wayOut?.(guarded, clouds) ?? guarded;
  const carnet = await start(installation, clock, { wayOut });
  const ask: Exchanging['ask'] = async (name, { pod = 'pod-0', more = {} } = {}) => {
    const boundTo = { kind: 'pod', name: pod } as const;
    const token = cluster.token({ audiences: [AUDIENCE], serviceAccount: name, boundTo });
    const body = new URLSearchParams(exchangeForm(token, name, more));
    const answer = await fetch(`${carnet.url}/oauth2/token`, { method: 'POST', body });
    const retryAfter = answer.headers.get('retry-after');
    return {
      status: answer.status,
      retryAfter: retryAfter === null ? undefined : Number(retryAfter),
      body: (await answer.json()) as Record<string, unknown>,
    };
  };
  const records: Exchanging['records'] = async (mapping) => {
    const directory = join(carnet.folder, 'data/audit');
    const all = await Array.fromAsync(readAuditLog({ directory, stream: 'carnet' }));
    return all.filter((record) => record.mapping === mapping);
  };
  const stop = async () => {
    await carnet.stop();
    await Promise.all([cluster.close(), carnet.remove()]);
  };
  return { clock, clouds, ask, records, stop };
}

/** A mapping of the ServiceAccount of its name: two of one at the same target would tie. `spec` is YAML, a line a field. */
export function mappingOf(name: string, ...spec: readonly string[]): string {
  return `---
apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: ${name} }
spec:
  owner: team-payments@example.org
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: ${name} }
  ${spec.join('\n  ')}
`;
}
