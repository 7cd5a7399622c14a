import type { RecordedAdminAct } from '../../audit/record.ts';
import type { StoredResource } from '../../catalog/stored-resources.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Kind } from '../../resources/document.ts';
import type { Actor } from '../actor.ts';

/** Kinds that the API has. */
export const ADMIN_KINDS = ['TrustedIssuer', 'FederationMapping', 'Guardrail', 'FederationGrant'] as const;
export type AdminKind = (typeof ADMIN_KINDS)[number];

export interface Target {
  readonly kind: AdminKind;
  readonly name: string;
}

/** One document of a change: what the store holds, and what it is to hold. */
export interface Edit extends Target {
  readonly before: StoredResource;
  /** Undefined deletes. */
  readonly document: JsonObject | undefined;
  /** The set that it is to belong to. */
  readonly set?: string | undefined;
}

/** Who wants a change, and how. */
export interface Intent {
  readonly actor: Actor;
  readonly traceId: string;
  /** Of each edit with a document; others are deletions. */
  readonly action: Exclude<RecordedAdminAct['action'], 'name-owner' | 'delete'>;
  /** The actor's own words. */
  readonly why?: string | undefined;
  /** Tells what would change, and changes nothing. */
  readonly dryRun: boolean;
}

export function rightOver(kind: Kind): 'change mappings' | 'change issuers, guardrails and grants' {
  return kind === 'FederationMapping' ? 'change mappings' : 'change issuers, guardrails and grants';
}
