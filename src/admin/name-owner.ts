import type { Actor } from './actor.ts';
import { AdminError } from './admin-error.ts';
import type { AdminJournal } from './admin-journal.ts';
import type { FirstOwner, Owner } from './first-owner.ts';
import type { AdminOidc } from './sign-in.ts';
import { submittedValue } from './submitted-document.ts';

/** Names the first owner, as a body of JSON says. Throws AdminError, or OAuthError `audit_unavailable`. */
export type NameOwner = (actor: Actor, text: string, traceId: string) => Promise<Owner>;

interface NameOwnerDeps {
  readonly oidc: Pick<AdminOidc, 'issuer'>;
  readonly owner: FirstOwner;
  readonly journal: AdminJournal;
}

/** For the bearer of the bootstrap token alone: owners by claim are a matter of carnet.yaml. */
export function createNameOwner({ oidc, owner, journal }: NameOwnerDeps): NameOwner {
  return async (actor, text, traceId) => {
    const act = { actor, traceId, action: 'name-owner' } as const;
    try {
      if (actor.bootstrap === undefined) {
        throw new AdminError('forbidden', { detail: 'the first owner is named with the bootstrap token' });
      }
      const wanted = ownerOf(text, oidc.issuer);
      await journal.changing({ ...act, name: wanted.subject });
      await owner.name(wanted);
      return wanted;
    } catch (error) {
      if (error instanceof AdminError) journal.refused(act, error);
      throw error;
    }
  };
}

/** The owner that a body names. Throws AdminError `invalid`. */
function ownerOf(text: string, issuer: string): Owner {
  const { issuer: named, subject, ...others } = submittedValue(text);
  for (const [field, member] of Object.entries({ issuer: named, subject })) {
    const legal = typeof member === 'string' && member !== '' && member.length <= 2048;
    if (!legal) throw new AdminError('invalid', { field, detail: 'must be a text that is not empty' });
  }
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new AdminError('invalid', { detail: 'the fields here are issuer and subject' });
  if (named !== issuer) {
    throw new AdminError('invalid', { field: 'issuer', detail: 'must be the issuer of admin.oidc, byte for byte' });
  }
  return { issuer, subject: String(subject) };
}
