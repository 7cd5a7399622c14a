import type { Coverages } from '../../policy/coverage.ts';
import type { Actor, Right } from '../actor.ts';
import { AdminError } from '../admin-error.ts';
import { scopeOf } from '../scope.ts';
import type { JustInTimeMapping, JustInTimeMappings } from './just-in-time-mappings.ts';

interface Known {
  readonly mappings: JustInTimeMappings;
  readonly grants: Coverages;
}

/**
 * Of which mappings, by name, somebody sees what was asked: where the right to read is limited, of those in force that he
 * reads. Throws AdminError `forbidden` for whoever reads nothing.
 */
export function accessInSight(actor: Actor, { mappings, grants }: Known): (mapping: string) => boolean {
  const { everywhere, admits } = scopeOf(actor, 'read', grants);
  const known = new Map<string, boolean>();
  return (name) => {
    if (everywhere) return true;
    const document = mappings.get(name)?.document;
    const isSeen = known.get(name) ?? (document !== undefined && admits(document));
    known.set(name, isSeen);
    return isSeen;
  };
}

/** Throws AdminError `forbidden` unless the right holds for this mapping; of one that is gone, for every document. */
export function assertHolds(
  actor: Actor,
  right: Right,
  { mapping, grants }: { readonly mapping: JustInTimeMapping | undefined; readonly grants: Coverages },
): void {
  const { everywhere, admits } = scopeOf(actor, right, grants);
  if (everywhere || (mapping !== undefined && admits(mapping.document))) return;
  throw new AdminError('forbidden', { detail: `to ${right} of this mapping is outside what this identity may` });
}
