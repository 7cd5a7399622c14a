import { covers, type Intent, intentOf, intentText, MAX_INTENTS, widerThan } from '../resources/intents.ts';
import type { Terms } from './compiled-mapping.ts';

export type ScopeAnswer =
  /** `narrowed` is absent where the request asks for all that the mapping intends. */
  | { readonly ok: true; readonly narrowed?: readonly Intent[]; readonly detail: string }
  | { readonly ok: false; readonly detail: string };

const NONE_ASKED: ScopeAnswer = { ok: true, detail: 'none asked' };

/** The intents that a request asks for: each lies within one of the mapping's, whose enforcement it shares. */
export function scopeOf({ intents }: Terms, words: readonly string[]): ScopeAnswer {
  if (words.length === 0) return NONE_ASKED;
  if (intents === undefined) return { ok: false, detail: 'a scope needs intents to narrow' };
  if (words.length > MAX_INTENTS) return { ok: false, detail: `more than ${MAX_INTENTS} scopes` };
  const asked: Intent[] = [];
  for (const word of words) {
    const wish = intentOf(word);
    if (wish === undefined) return { ok: false, detail: 'a scope names no intent' };
    const wide = intents.list.find((intent) => covers(intent, wish));
    if (wide === undefined) return { ok: false, detail: `${intentText(wish)} is not within the intents` };
    asked.push({ ...wish, enforcedBy: wide.enforcedBy });
  }
  const narrowed = asked.filter((_, at) => widerThan(asked, at) === undefined);
  const detail = narrowed.map(intentText).join(', ');
  const isWhole = intents.list.every((intent) => narrowed.some((wish) => covers(wish, intent)));
  return isWhole ? { ok: true, detail } : { ok: true, narrowed, detail };
}
