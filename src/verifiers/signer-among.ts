import { OAuthError } from '../core/oauth-error.ts';
import { after, type Soon } from '../core/soon.ts';
import type { TrustedIssuer } from '../resources/issuers.ts';
import type { CompactJws } from './compact-jws.ts';
import { isSignedBy } from './jws-signature.ts';
import type { VerificationKey } from './key-set.ts';

/** An issuer and the key of its that may have signed. */
export interface Holder {
  readonly issuer: TrustedIssuer;
  readonly key: VerificationKey;
}

interface Question {
  readonly jws: CompactJws;
  /** Name of the TrustedIssuer where only one can have written the token. */
  readonly named: string | undefined;
}

/**
 * The one whose key verifies the token (K3); undefined when none does. One key is asked after the other. Throws OAuthError
 * `token_signature` when several verify it, and `internal` when none does and one could not be asked.
 */
export function signerAmong(holders: readonly Holder[], question: Question): Soon<TrustedIssuer | undefined> {
  const [first] = holders;
  if (first === undefined || holders.length > 1) return signerAmongSeveral(holders, question);
  return after(verdict(first, question), (alone) => judged(holders, [alone]));
}

async function signerAmongSeveral(holders: readonly Holder[], question: Question): Promise<TrustedIssuer | undefined> {
  const verdicts: Verdict[] = [];
  for (const holder of holders) verdicts.push(await verdict(holder, question));
  return judged(holders, verdicts);
}

/** Whether the key verifies it, or why that could not be checked. */
type Verdict = boolean | OAuthError;

function verdict({ key }: Holder, { jws, named }: Question): Soon<Verdict> {
  const notChecked = (cause: unknown) =>
    new OAuthError('internal', { detail: 'a signature could not be checked', cause, issuer: named });
  try {
    const signed = isSignedBy(jws, key);
    return signed instanceof Promise ? signed.catch(notChecked) : signed;
  } catch (cause) {
    return notChecked(cause);
  }
}

function judged(holders: readonly Holder[], verdicts: readonly Verdict[]): TrustedIssuer | undefined {
  const signers = holders.filter((_, at) => verdicts[at] === true);
  if (signers.length > 1) throw new OAuthError('token_signature', { detail: 'keys of several issuers verify it' });
  const failure = verdicts.find((one) => one instanceof OAuthError);
  if (signers.length === 0 && failure !== undefined) throw failure;
  return signers[0]?.issuer;
}
