import type { EnforcedBy, Grant } from '../core/decision.ts';
import type { Narrowing } from '../resources/targets/compiled-intents.ts';

/** What holds a credential to its intents, or why nothing can. */
export type Held =
  | {
      readonly ok: true;
      readonly enforcedBy: readonly EnforcedBy[];
      readonly narrowing?: Narrowing;
      readonly detail: string;
    }
  | { readonly ok: false; readonly detail: string };

/** The grant with what its target will be told to hold the credential to. */
export function heldGrant(grant: Grant, { enforcedBy, narrowing }: Extract<Held, { ok: true }>): Grant {
  // A grant that is made out is held to nothing yet.
  const held = enforcedBy.length === 0 ? grant : { ...grant, enforcedBy };
  if (narrowing === undefined) return held;
  if (held.kind === 'aws' && narrowing.kind === 'aws') return { ...held, ...narrowing };
  if (held.kind === 'gcp' && narrowing.kind === 'gcp') return { ...held, ...narrowing };
  if (held.kind === 'azure' && narrowing.kind === 'azure') return { ...held, ...narrowing };
  throw new Error(`a narrowing for ${narrowing.kind} of a grant for ${held.kind}`);
}
