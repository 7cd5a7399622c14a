import { isSamePerson } from '../core/author.ts';
import type { Widening } from '../policy/widening.ts';
import { type Actor, personOf } from './actor.ts';
import { AdminError } from './admin-error.ts';
import type { Act, AdminJournal } from './admin-journal.ts';
import { idOf, intoAnotherSet, isSameAccount, type Proposal, type Proposals, type ProposedWrite } from './proposals.ts';

/** What a change that was judged asks before it is recorded and written. */
export interface Asked {
  readonly actor: Actor;
  readonly widening: Widening;
  readonly writes: readonly ProposedWrite[];
  /** Resolves once the records of a new proposal are durable. */
  readonly record: (proposal: string) => Promise<void>;
}

export type Passage =
  /** `confirms`: the proposal of the first person, which is over once the change is written. */
  | { readonly kind: 'passes'; readonly confirms?: Proposal }
  | { readonly kind: 'proposed'; readonly proposal: Proposal };

interface SecondPersonDeps {
  /** `admin.fourEyes` and `admin.readOnly`. */
  readonly rules: { readonly fourEyes: boolean; readonly readOnly: boolean };
  readonly proposals: Proposals;
  readonly journal: AdminJournal;
}

/** What `admin.fourEyes` and `admin.readOnly` ask of widening changes. What is not widening always passes, as a stop does. */
export class SecondPerson {
  readonly #deps: SecondPersonDeps;

  constructor(deps: SecondPersonDeps) {
    this.#deps = deps;
  }

  /** Whether it matters at all what a change widens. */
  get isAsked(): boolean {
    const { fourEyes, readOnly } = this.#deps.rules;
    return fourEyes || readOnly;
  }

  /**
   * Throws AdminError `read_only`, `proposed_for_another_set`, `too_many` or `unavailable`, and OAuthError
   * `audit_unavailable`.
   */
  async ask({ actor, widening, writes, record }: Asked): Promise<Passage> {
    const { rules, proposals } = this.#deps;
    if (!widening.widens) return { kind: 'passes' };
    const reasons = widening.reasons.map(({ kind, name, field, why }) =>
      [kind, name, field, why].filter((word) => word !== '').join(' '),
    );
    if (rules.readOnly) throw new AdminError('read_only', { detail: reasons[0] });
    if (!rules.fourEyes) return { kind: 'passes' };
    const open = await proposals.open();
    const id = idOf(writes);
    const known = open.find((one) => one.id === id);
    if (known !== undefined) assertSameSet(known, writes);
    if (known !== undefined && !isSamePerson(known.by, personOf(actor))) return { kind: 'passes', confirms: known };
    if (known !== undefined) return { kind: 'proposed', proposal: known };
    const proposal = proposals.made({ actor, writes, reasons }, open);
    await record(proposal.id);
    await proposals.keep(proposal);
    return { kind: 'proposed', proposal };
  }

  /** Forgets a proposal that is carried out. Its versions are gone, so that nothing hangs on this. */
  async over({ id }: Proposal): Promise<void> {
    await this.#deps.proposals.drop([id]).catch(() => undefined);
  }

  /** Open proposals that mean to change this resource, whatever else; all of a kind without a name. */
  async about(kind: string, name?: string): Promise<readonly Proposal[]> {
    if (!this.#deps.rules.fourEyes) return [];
    const open = await this.#deps.proposals.open();
    return open.filter(({ resources }) =>
      resources.some((one) => one.kind === kind && (name === undefined || one.name === name)),
    );
  }

  /** Takes the actor's own proposals about a resource back. Throws AdminError `not_found` where there is none. */
  async withdraw(act: Act & { readonly kind: string; readonly name: string }): Promise<readonly Proposal[]> {
    const own = (await this.about(act.kind, act.name)).filter(({ by }) => isSameAccount(by, act.actor));
    if (own.length === 0) throw new AdminError('not_found', { detail: 'there is no proposal of yours about it' });
    await this.#deps.journal.withdrawing({ ...act, proposal: own.map(({ id }) => id).join(' ') });
    await this.#deps.proposals.drop(own.map(({ id }) => id));
    return own;
  }
}

/** Whose set a document belongs to is a part of what the first person proposed. */
function assertSameSet(known: Proposal, writes: readonly ProposedWrite[]): void {
  const other = intoAnotherSet(known, writes);
  if (other === undefined) return;
  const proposed = other.set === undefined ? 'without a set' : `for set ${other.set}`;
  throw new AdminError('proposed_for_another_set', { detail: `${other.kind} ${other.name} was proposed ${proposed}` });
}
