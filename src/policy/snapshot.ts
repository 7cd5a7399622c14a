import type { TrustedIssuers } from '../resources/issuers.ts';
import type { AccessIndex } from './access.ts';
import type { Coverages } from './coverage.ts';
import type { CompiledGuardrail } from './guardrails.ts';
import type { MappingIndex } from './mapping-index.ts';

/** All resources of one revision, parsed, compiled and indexed; immutable. A request sees exactly one. */
export interface Snapshot {
  /** `r-` and 16 hex digits of a hash over all documents: equal on every replica that loaded the same resources. */
  readonly revision: string;
  readonly issuers: TrustedIssuers;
  readonly mappings: MappingIndex;
  /** Those of mode `shadow`: they decide nothing. */
  readonly shadows: MappingIndex;
  readonly guardrails: readonly CompiledGuardrail[];
  /** The FederationGrants; what they come to for each mapping is in its terms. */
  readonly grants: Coverages;
  /** Beside the resources and no part of `revision`: people ask and approve all the time. */
  readonly access: AccessIndex;
}
