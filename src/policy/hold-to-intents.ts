import type { Ask, EnforcedBy } from '../core/decision.ts';
import { type Intent, intentText } from '../resources/intents.ts';
import { compileIntents } from '../resources/targets/compile-intents.ts';
import { callerNarrowing } from './caller-narrowing.ts';
import type { Terms } from './compiled-mapping.ts';
import type { Held } from './held.ts';

/** What a target enforces anew for each credential, so that a request can be held to less than the mapping intends. */
const PER_CREDENTIAL: readonly EnforcedBy[] = ['session-policy', 'credential-access-boundary', 'registry-token'];

const WITHOUT: Held = { ok: true, enforcedBy: [], detail: 'the target has none' };
const UNRESTRICTED: Held = { ok: true, enforcedBy: [], detail: 'unrestricted' };

/**
 * How the credential is held to the mapping's intents, or to those that the request narrowed them to (DESIGN section 7).
 * Without intents only the caller's own narrowing holds it, where he sent one.
 */
export function heldToIntents(terms: Terms, narrowed: readonly Intent[] | undefined, { narrowing }: Ask): Held {
  const { intents, target, deliver } = terms;
  if (intents === undefined && narrowing !== undefined) return callerNarrowing(terms, narrowing);
  if (intents === undefined) return target.kind === 'jwtSvid' ? WITHOUT : UNRESTRICTED;
  if (narrowing !== undefined) return { ok: false, detail: "the caller's own narrowing needs intents: unrestricted" };
  const list = narrowed ?? intents.list;
  const compiled = narrowed === undefined ? intents.compiled : compileIntents(target, deliver, narrowed);
  const { enforcedBy, oversize } = compiled;
  const detail = list.map((intent, at) => `${intentText(intent)} by ${enforcedBy[at]}`).join(', ');
  const held: Held = { ok: true, enforcedBy, ...(compiled.narrowing && { narrowing: compiled.narrowing }), detail };
  if (oversize !== undefined) return { ok: false, detail: oversize };
  if (narrowed !== undefined && !enforcedBy.every((how) => PER_CREDENTIAL.includes(how))) {
    return { ok: false, detail: `${detail}; the target cannot hold one credential to less than another` };
  }
  if (!enforcedBy.includes('none')) return held;
  return terms.accepts.intents
    ? { ...held, detail: `${detail}, accepted` }
    : { ok: false, detail: `${detail}; residual.accept does not hold intents` };
}
