import type { CompiledMapping } from '../compiled-mapping.ts';
import type { Conditions } from '../conditions/condition.ts';
import type { Snapshot } from '../snapshot.ts';
import { placeWidens } from './place.ts';
import { differs, type Found, type WideningReason } from './reason.ts';
import { termsWiden } from './terms.ts';

interface Pair {
  readonly before: CompiledMapping | undefined;
  readonly after: CompiledMapping | undefined;
}

/** By which mappings somebody may get more. Shadows give nothing, so one that becomes a mapping is new. */
export function mappingsWiden(before: Snapshot, after: Snapshot, conditions: Conditions): readonly WideningReason[] {
  const pairs = pairsOf(before, after);
  const moved = [...pairs.values()].filter(isMoved);
  const beside = { neighbours: neighboursOf(moved, [before, after]), issuers: before.issuers };
  const requiresIntents = [...before.guardrails, ...after.guardrails].some((one) => one.requireIntents);
  return [...pairs].flatMap(([name, pair]) => {
    if (pair.before === undefined) return [{ kind, name, field: '', why: 'comes into force' }];
    const others = (address: string) => beside.neighbours(address).filter((one) => one.name !== name);
    const place = isMoved(pair) ? placeWidens(pair.before, pair.after, { ...beside, neighbours: others }) : [];
    const terms = stateWidens(pair.before, pair.after, { conditions, requiresIntents });
    return [...place, ...terms].map((found) => ({ kind, name, ...found }));
  });
}

const kind = 'FederationMapping';

/** What is as it was, whatever is beside it, is left out. */
function pairsOf(before: Snapshot, after: Snapshot): ReadonlyMap<string, Pair> {
  const [old, now] = [new Set(before.mappings.all), new Set(after.mappings.all)];
  const pairs = new Map<string, Pair>();
  for (const one of old) if (!now.has(one)) pairs.set(one.name, { before: one, after: undefined });
  for (const one of now) if (!old.has(one)) pairs.set(one.name, { before: pairs.get(one.name)?.before, after: one });
  return pairs;
}

function isMoved({ before, after }: Pair): boolean {
  if (before === undefined || after === undefined) return true;
  return differs(before.subject, after.subject) || differs(before.addresses, after.addresses);
}

/** Both versions of every mapping at the addresses from which something moved. */
function neighboursOf(moved: readonly Pair[], snapshots: readonly Snapshot[]) {
  const at = new Map<string, Set<CompiledMapping>>();
  for (const { before } of moved) for (const address of before?.addresses ?? []) at.set(address, new Set());
  if (at.size > 0) {
    for (const { mappings } of snapshots) {
      for (const one of mappings.all) for (const address of one.addresses) at.get(address)?.add(one);
    }
  }
  return (address: string): readonly CompiledMapping[] => [...(at.get(address) ?? [])];
}

function stateWidens(
  before: CompiledMapping,
  after: CompiledMapping | undefined,
  beside: Parameters<typeof termsWiden>[2],
): readonly Found[] {
  if (after?.state.kind !== 'active') return [];
  if (before.state.kind !== 'active') return [{ field: '', why: 'comes into force' }];
  return termsWiden(before.state.terms, after.state.terms, beside);
}
