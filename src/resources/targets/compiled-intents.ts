import type { AwsGrant, AzureGrant, EnforcedBy, GcpGrant } from '../../core/decision.ts';
import type { Intent } from '../intents.ts';

/** What is added to a grant so that its credential is held to intents. */
export type Narrowing =
  | Pick<AwsGrant, 'kind' | 'policy' | 'policyArns'>
  | (Pick<GcpGrant, 'kind' | 'accessBoundary'> & Partial<Pick<GcpGrant, 'scopes'>>)
  | Pick<AzureGrant, 'kind' | 'registry'>;

/** Intents as a target holds a credential to them. */
export interface CompiledIntents {
  /** One entry per intent, in their order. */
  readonly enforcedBy: readonly EnforcedBy[];
  readonly narrowing?: Narrowing;
  /** Why the cloud would not take the narrowing: it is longer than the cloud takes. */
  readonly oversize?: string;
}

/** An intent that a target cannot be asked for, in words that end the sentence "the intent's resource ...". */
export interface IntentFault {
  readonly message: string;
  readonly hint?: string;
}

/** What holds the intent where the target narrows nothing itself: what its owner says, else nothing. */
export function claimed({ enforcedBy }: Intent): EnforcedBy {
  return enforcedBy ?? 'none';
}
