import type { Grant } from '../core/decision.ts';
import type { Held } from './hold-to-intents.ts';

/** The grant with what its target will be told to hold the credential to. */
export function narrowed(grant: Grant, { enforcedBy, narrowing }: Extract<Held, { ok: true }>): Grant {
  const held = { ...grant, enforcedBy };
  if (narrowing === undefined) return held;
  if (held.kind === 'aws' && narrowing.kind === 'aws') return { ...held, ...narrowing };
  if (held.kind === 'gcp' && narrowing.kind === 'gcp') return { ...held, ...narrowing };
  if (held.kind === 'azure' && narrowing.kind === 'azure') return { ...held, ...narrowing };
  throw new Error(`a narrowing for ${narrowing.kind} of a grant for ${held.kind}`);
}
