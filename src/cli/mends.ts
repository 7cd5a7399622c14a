import type { Reason } from '../core/oauth-error.ts';

/** What somebody whose exchange was refused can do about it, by the reason in the answer. */
export const MENDS: Readonly<Record<Reason, string>> = {
  condition_not_met: 'the mapping has a condition that this workload or this moment does not meet; ask its owner',
  not_bound_to_pod: 'use a projected token of a running pod, not one made by hand',
  mapping_expired: 'the mapping has ended; ask its owner to renew it',
  guardrail: 'an organisation-wide rule forbids it; ask the platform team, with the trace id',
  awaiting_approval: 'somebody has to approve the access first: carnet access show tells those who sign in who may',
  not_granted: 'the author of the mapping may not give this target away; ask the platform team',
  token_type: 'leave --requested-token-type out, or ask for the type of this target',
  cloud_trust_missing: 'the cloud does not trust Carnet for this target yet; ask the owner of the account',
  ttl_below_target_minimum: 'ask for a longer life, or present a token that lives longer',
  intents_not_enforceable: 'the target cannot hold the credential to its intents; ask the owner of the mapping',
  no_spiffe_id: 'this workload has no SPIFFE ID here; ask the platform team',
  ambiguous_mapping: 'two mappings fit equally well; ask their owners',
  inactive: 'the mapping is faulty, or uses what this Carnet has not built; ask its owner',
};
