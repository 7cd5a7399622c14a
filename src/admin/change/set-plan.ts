import { isDeepStrictEqual } from 'node:util';
import type { AllResources } from '../../catalog/stored-resources.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Fault } from '../../resources/document.ts';
import { AdminError } from '../admin-error.ts';
import type { Submitted } from '../submitted-stream.ts';
import { ADMIN_KINDS, type Edit, type Target } from './edit.ts';

const MAX_TOLD_FAULTS = 100;

/** What applying documents as a set comes to. */
export interface SetPlan {
  readonly edits: readonly Edit[];
  /** Documents that are as they were. */
  readonly unchanged: number;
  /** What the set has in the store and the documents lack, and what is not pruned. */
  readonly left: readonly Target[];
}

interface SetWish {
  readonly set: string;
  /** Whether what the set has and the documents lack is deleted. */
  readonly prunes: (one: Target & Pick<Edit, 'before'>) => boolean;
}

/**
 * The edits that make a set of the store what the documents say. Throws AdminError `of_another_set` where the store has
 * one of them with other content and not in this set: a set never takes over what somebody else maintains.
 */
export function setPlan(submitted: readonly Submitted[], stored: AllResources, { set, prunes }: SetWish): SetPlan {
  const wanted = submitted.map((one) => ({ ...one, before: stored.get(one.kind, one.name), set }));
  const differing = wanted.filter(({ document, before }) => !isSame(before.document, document));
  const foreign = differing.filter(({ before }) => before.document !== undefined && before.set !== set);
  if (foreign.length > 0) {
    throw new AdminError('of_another_set', { faults: foreign.slice(0, MAX_TOLD_FAULTS).map(foreignFault) });
  }
  const names = new Set(submitted.map(keyOf));
  const absent = stored.ofSet(set).flatMap(({ kind: of, name, before }) => {
    const kind = ADMIN_KINDS.find((known) => known === of);
    if (kind === undefined || names.has(keyOf({ kind, name }))) return [];
    return [{ kind, name, before, document: undefined, set }];
  });
  return {
    edits: [...differing, ...absent.filter(prunes)],
    unchanged: wanted.length - differing.length,
    left: absent.filter((one) => !prunes(one)).map(({ kind, name }) => ({ kind, name })),
  };
}

function foreignFault({ kind, name, before }: Edit): Fault {
  const owner = before.set === undefined ? 'is in the store without a set' : `belongs to set ${before.set}`;
  return { source: 'request body', kind, name, field: '', message: `${kind} ${name} ${owner}`, severity: 'error' };
}

/** What is read from YAML has no prototypes. */
function isSame(stored: JsonObject | undefined, document: JsonObject): boolean {
  return stored !== undefined && isDeepStrictEqual(stored, JSON.parse(JSON.stringify(document)));
}

function keyOf({ kind, name }: Target): string {
  return `${kind}/${name}`;
}
