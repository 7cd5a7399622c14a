import { setTimeout as pass } from 'node:timers/promises';
import type { Catalog } from '../catalog/catalog.ts';
import type { HeldStops } from '../catalog/held-stops.ts';
import { besideOther, type HeldStop, isStop } from '../catalog/stop-document.ts';
import type { StopRelay } from '../catalog/stop-relay.ts';
import { type StoredResources, storedSource } from '../catalog/stored-resources.ts';
import type { Clock } from '../core/clock.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { Document } from '../resources/document.ts';
import { authorOf } from './actor.ts';
import { AdminError } from './admin-error.ts';
import { type Act, type AdminJournal, recorded } from './admin-journal.ts';
import { type Judged, judged } from './change/judging.ts';

/** How long the answer waits for the store, so that it can say where the stop is kept. */
const STORE_MS = 2000;

export interface Stopped extends Judged {
  /** Absent while the store does not have it, or cannot tell its version. */
  readonly etag?: string;
  readonly created: boolean;
  readonly inForce: true;
  /** `replica`: until the store is back this replica keeps it, and each that it could tell. */
  readonly durable: 'store' | 'replica';
  /** Of one that the store does not have: what it will be called if the store turns out to have another of its name. */
  readonly otherName?: string;
}

/**
 * Puts a Guardrail that can only deny in force before anything else is asked: neither the store nor a file that is broken
 * nor changes that wait can hold it up. Undefined for what is no new stop, which goes the way of every document. Throws
 * AdminError `invalid` or `unavailable`, or OAuthError `audit_unavailable`.
 */
export type EmergencyStop = (
  act: Act & { readonly name: string },
  document: JsonObject,
) => Promise<Stopped | undefined>;

interface EmergencyStopDeps {
  readonly catalog: Catalog;
  readonly stored: StoredResources;
  readonly held: HeldStops;
  readonly relay: Pick<StopRelay, 'tell' | 'flush'>;
  readonly journal: AdminJournal;
  readonly clock: Clock;
}

export function createEmergencyStop({
  catalog,
  stored,
  held,
  relay,
  journal,
  clock,
}: EmergencyStopDeps): EmergencyStop {
  const here = (name: string) =>
    catalog.loaded().documents.find((one) => one.kind === 'Guardrail' && one.name === name);
  const kept = (name: string) => (held.has(name) ? 'replica' : 'store');
  /** Where a stop is that is in force. */
  const whereabouts = async (stop: HeldStop) => {
    const { name } = stop;
    if (held.has(name)) return { durable: 'replica', otherName: besideOther(stop).name } as const;
    // In force and stored it is whether or not its version can be read.
    const known = await stored.get('Guardrail', name).catch(() => undefined);
    return { durable: 'store', ...(known && { etag: `"${known.version}"` }) } as const;
  };
  return async (act, document) => {
    if (!isStop(document)) return undefined;
    const { name, actor } = act;
    const before = here(name);
    if (before !== undefined && !saysTheSame(before, document)) return undefined;
    const at = clock.now();
    const author = authorOf(actor, 'change issuers, guardrails and grants');
    const judgement = await judged(catalog, [{ kind: 'Guardrail', name, document, author, at }]);
    if (before !== undefined) return { ...judgement, created: false, inForce: true, durable: kept(name) };
    if (held.isFull()) throw new AdminError('unavailable', { detail: 'more stops wait for the store than are kept' });
    await journal.changing({ ...act, after: recorded(document, 1, { whole: true }) });
    const onDisk = held.hold({ name, document, author, at });
    // In force before it is on disk, and whatever becomes of that.
    const [, taken] = await Promise.allSettled([onDisk, catalog.takeStops()]);
    void relay.tell();
    await Promise.race([relay.flush(), pass(STORE_MS, undefined, { ref: false })]);
    await onDisk.catch((cause) => {
      if (!held.has(name)) return;
      throw new AdminError('unavailable', {
        detail: 'in force until this replica restarts: not written to disk',
        cause,
      });
    });
    if (taken.status === 'rejected' && here(name) === undefined) {
      // It is held, so that each later reading tries again; nobody is told that it denies before it does.
      throw new AdminError('unavailable', { detail: 'kept, and not in force here yet', cause: taken.reason });
    }
    const stop = { name, document, author, at };
    const inStore = stored.stops().find(({ source }) => source === storedSource('Guardrail', name));
    if (inStore === undefined) throw new AdminError('precondition_failed', { detail: 'somebody has ended it already' });
    if (canonical(JSON.parse(inStore.text)) !== canonical(document)) {
      const detail = `somebody else has just used the name: this stop is kept as ${besideOther(stop).name}`;
      throw new AdminError('precondition_failed', { detail });
    }
    return { ...judgement, created: true, inForce: true, ...(await whereabouts(stop)) };
  };
}

function saysTheSame(one: Document, { spec }: JsonObject): boolean {
  const said = one.valid ? one.spec : one.raw;
  return isJsonObject(spec) && canonical(said) === canonical(spec);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isJsonObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}
