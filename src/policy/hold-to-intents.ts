import type { Ask, EnforcedBy } from '../core/decision.ts';
import { type Intent, intentText } from '../resources/intents.ts';
import { compileIntents } from '../resources/targets/compile-intents.ts';
import type { Narrowing } from '../resources/targets/compiled-intents.ts';
import { callerNarrowing } from './caller-narrowing.ts';
import type { Terms } from './compiled-mapping.ts';

export type Held =
  | {
      readonly ok: true;
      readonly enforcedBy: readonly EnforcedBy[];
      readonly narrowing?: Narrowing;
      readonly detail: string;
    }
  | { readonly ok: false; readonly detail: string };

/** What a target enforces anew for each credential, so that a request can be held to less than the mapping intends. */
const PER_CREDENTIAL: readonly EnforcedBy[] = ['session-policy', 'credential-access-boundary', 'registry-token'];

/** How the credential is held to the mapping's intents, or to those that the request narrowed them to (DESIGN section 7). */
export function heldToIntents(terms: Terms, narrowed: readonly Intent[] | undefined, { narrowing }: Ask): Held {
  if (terms.intents === undefined) return callerNarrowing(terms, narrowing);
  if (narrowing !== undefined) return { ok: false, detail: 'the caller’s own narrowing needs intents: unrestricted' };
  const list = narrowed ?? terms.intents.list;
  const { compiled } = terms.intents;
  const {
    enforcedBy,
    narrowing: compiledNarrowing,
    oversize,
  } = narrowed === undefined ? compiled : compileIntents(terms.target, terms.deliver, narrowed);
  if (oversize !== undefined) return { ok: false, detail: oversize };
  const detail = list.map((intent, at) => `${intentText(intent)} by ${enforcedBy[at]}`).join(', ');
  if (narrowed !== undefined && !enforcedBy.every((how) => PER_CREDENTIAL.includes(how))) {
    return { ok: false, detail: `${detail}; the target cannot hold one credential to less than another` };
  }
  const isLoose = enforcedBy.includes('none');
  if (isLoose && !terms.accepts.intents)
    return { ok: false, detail: `${detail}; residual.accept does not hold intents` };
  return {
    ok: true,
    enforcedBy,
    ...(compiledNarrowing !== undefined && { narrowing: compiledNarrowing }),
    detail: isLoose ? `${detail}, accepted` : detail,
  };
}
