import type { Document } from '../../resources/document.ts';
import type { Conditions } from './condition.ts';
import { RememberedConditions } from './remembered-conditions.ts';

/** The only `deny` that needs no language: the emergency stop. */
export const ALWAYS = 'true';

/** For resources without a condition: whatever is asked of it is a fault. */
export const NO_CONDITIONS: Conditions = {
  compile: () => ({ ok: false, faults: [{ offset: 0, message: 'conditions were not loaded' }] }),
};

/**
 * What conditions of these documents are compiled with; what `former` has compiled is not compiled again. Who has none
 * does not wait for the language, or hold it.
 */
export async function conditionsFor(documents: readonly Document[], former?: Conditions): Promise<Conditions> {
  if (!documents.some(hasCondition)) return NO_CONDITIONS;
  if (former instanceof RememberedConditions) return former.successor();
  const { CelConditions } = await import('./cel-conditions.ts');
  return new RememberedConditions(new CelConditions());
}

function hasCondition(document: Document): boolean {
  if (!document.valid) return false;
  if (document.kind === 'FederationMapping') return document.spec.when !== undefined;
  return document.kind === 'Guardrail' && document.spec.deny !== undefined && document.spec.deny !== ALWAYS;
}
