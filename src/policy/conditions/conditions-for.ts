import { inTurns } from '../../core/in-turns.ts';
import type { Document } from '../../resources/document.ts';
import type { Conditions } from './condition.ts';
import { RememberedConditions } from './remembered-conditions.ts';

/** The only `deny` that needs no language: the emergency stop. */
export const ALWAYS = 'true';

/** For resources without a condition: whatever is asked of it is a fault. */
export const NO_CONDITIONS: Conditions = {
  compile: () => ({ ok: false, faults: [{ offset: 0, message: 'conditions were not loaded' }] }),
};

/** Documents of which it takes a millisecond to see whether they have a condition. */
const LOOKED_AT_ONCE = 10_000;

/**
 * What conditions of these documents are compiled with; what `former` has compiled is not compiled again. All others are
 * compiled here, one at a time: a condition may take as long as thousands of mappings, and requests are served in between.
 * Who has none does not wait for the language, or hold it.
 */
export async function conditionsFor(documents: readonly Document[], former?: Conditions): Promise<Conditions> {
  const texts = (await inTurns(documents, conditionOf, LOOKED_AT_ONCE)).filter((text) => text !== undefined);
  if (texts.length === 0) return NO_CONDITIONS;
  const conditions = await languageAfter(former);
  const fresh = new Set(texts.filter((text) => !conditions.knows(text)));
  await inTurns([...fresh], (text) => conditions.compile(text), 1);
  return conditions;
}

async function languageAfter(former: Conditions | undefined): Promise<RememberedConditions> {
  if (former instanceof RememberedConditions) return former.successor();
  const { CelConditions } = await import('./cel-conditions.ts');
  return new RememberedConditions(new CelConditions());
}

function conditionOf(document: Document): string | undefined {
  if (!document.valid) return undefined;
  if (document.kind === 'FederationMapping') return document.spec.when;
  return document.kind === 'Guardrail' && document.spec.deny !== ALWAYS ? document.spec.deny : undefined;
}
