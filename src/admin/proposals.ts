import { hash } from 'node:crypto';
import { type Person, personFrom } from '../core/author.ts';
import type { Clock } from '../core/clock.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import { isJsonObject } from '../core/json.ts';
import { type DocumentStore, VersionConflict } from '../store/document-store.ts';
import { type Actor, personOf } from './actor.ts';
import { AdminError } from './admin-error.ts';
import { ADMIN } from './first-owner.ts';

const OPEN = 'proposals';
const LIVES_MS = 24 * 3_600_000;
const MOST = 100;
/** One person cannot take the room of all. */
const MOST_OF_ONE = 20;
const MOST_REASONS = 10;
const MOST_RESOURCES = 500;
const TRIES = 5;

/** What would be written over which version. */
export interface ProposedWrite {
  readonly kind: string;
  readonly name: string;
  /** Of what the store holds now. */
  readonly version: number;
  /** The set that it would belong to. */
  readonly set?: string | undefined;
  /** Absent: it would be deleted. */
  readonly document?: JsonObject | undefined;
}

/** A document of a proposal, without what it would hold. */
type ProposedResource = Omit<ProposedWrite, 'document'>;

/** A widening change that waits for a second person. */
export interface Proposal {
  /**
   * SHA-256 in hex, whole, so that nobody makes two contents of one id: the same content over the same versions, in whatever
   * set it is to be.
   */
  readonly id: string;
  readonly by: Person;
  /** Milliseconds. */
  readonly at: number;
  readonly until: number;
  readonly resources: readonly ProposedResource[];
  readonly reasons: readonly string[];
}

interface Made {
  readonly actor: Actor;
  readonly writes: readonly ProposedWrite[];
  readonly reasons: readonly string[];
}

/** Open proposals, in one document of the store, so that each replica sees them and of two writers one repeats. */
export class Proposals {
  readonly #store: DocumentStore;
  readonly #clock: Clock;

  constructor(store: DocumentStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Those that have not ended. Throws AdminError `unavailable`. */
  async open(): Promise<readonly Proposal[]> {
    return (await this.#read()).open;
  }

  /** A new proposal of the actor beside the open ones; it is kept by `keep`. Throws AdminError `too_many`. */
  made({ actor, writes, reasons }: Made, open: readonly Proposal[]): Proposal {
    if (writes.length > MOST_RESOURCES) {
      const detail = `a proposal is of at most ${MOST_RESOURCES} documents`;
      throw new AdminError('too_many', { detail, mend: 'change fewer at once' });
    }
    const at = this.#clock.now();
    const resources = writes.map(({ document: _, ...resource }) => resource);
    const by = personOf(actor);
    assertRoom(open, by);
    return { id: idOf(writes), by, at, until: at + LIVES_MS, resources, reasons: reasons.slice(0, MOST_REASONS) };
  }

  /** Throws AdminError `too_many` or `unavailable`. */
  keep(proposal: Proposal): Promise<void> {
    return this.#write((open) => {
      assertRoom(open, proposal.by);
      return [...open.filter(({ id }) => id !== proposal.id), proposal];
    });
  }

  /** Throws AdminError `unavailable`. */
  drop(ids: readonly string[]): Promise<void> {
    return this.#write((open) => open.filter(({ id }) => !ids.includes(id)));
  }

  async #write(next: (open: readonly Proposal[]) => readonly Proposal[]): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const { open, version } = await this.#read();
      try {
        await this.#store.put(ADMIN, OPEN, { open: JSON.parse(JSON.stringify(next(open))) }, version);
        return;
      } catch (cause) {
        if (cause instanceof AdminError) throw cause;
        if (cause instanceof VersionConflict && tries < TRIES) continue;
        throw new AdminError('unavailable', { detail: 'the store cannot be written', cause });
      }
    }
  }

  async #read(): Promise<{ readonly open: readonly Proposal[]; readonly version: number }> {
    const stored = await this.#store.get(ADMIN, OPEN).catch((cause) => {
      throw new AdminError('unavailable', { detail: 'the store cannot be read', cause });
    });
    const value = isJsonObject(stored?.value) ? stored.value['open'] : [];
    const known = (Array.isArray(value) ? value : []).filter(isProposal);
    const now = this.#clock.now();
    return { open: known.filter(({ until }) => now < until), version: stored?.version ?? 0 };
  }
}

function assertRoom(open: readonly Proposal[], by: Person): void {
  const own = open.filter((one) => isSameAccount(one.by, by)).length;
  if (open.length < MOST && own < MOST_OF_ONE) return;
  throw new AdminError('too_many', { detail: 'too many proposals wait for a second person' });
}

export function idOf(writes: readonly ProposedWrite[]): string {
  const parts = writes.map(({ kind, name, version, document }) => [kind, name, version, document ?? null]);
  return hash('sha256', JSON.stringify(parts), 'hex');
}

/** Whose a proposal is, which goes by the account alone. */
export function isSameAccount(one: Person, other: Pick<Person, 'issuer' | 'subject'>): boolean {
  return one.issuer === other.issuer && one.subject === other.subject;
}

/** The first document that both would write, and into another set each; what was proposed before sets were kept names none. */
export function intoAnotherSet(
  { resources }: Proposal,
  writes: readonly ProposedWrite[],
): ProposedResource | undefined {
  return resources.find(({ set }, at) => set !== writes[at]?.set);
}

/** Carnet alone writes the document; what another version of it wrote otherwise is no proposal. */
function isProposal(value: unknown): value is Proposal {
  if (!isJsonObject(value)) return false;
  const { id, by, at, until, resources, reasons } = value;
  return (
    typeof id === 'string' &&
    typeof at === 'number' &&
    typeof until === 'number' &&
    personFrom(by) !== undefined &&
    isList(resources, isResource) &&
    isList(reasons, (one) => typeof one === 'string')
  );
}

function isList(value: JsonValue | undefined, holds: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(holds);
}

function isResource(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  const { kind, name, version, set } = value;
  const isNamed = typeof kind === 'string' && typeof name === 'string' && typeof version === 'number';
  return isNamed && (set === undefined || typeof set === 'string');
}
