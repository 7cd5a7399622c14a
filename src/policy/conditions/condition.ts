import type { JsonObject } from '../../core/json.ts';

/** What a condition may read (DESIGN section 6). Texts that an identity lacks are empty. */
export interface Attributes {
  readonly identity: {
    readonly issuer: string;
    readonly kind: string;
    readonly cluster: string;
    readonly namespace: string;
    readonly serviceAccount: string;
    /** Names. */
    readonly pod: string;
    readonly node: string;
    /** Of the ServiceAccount. */
    readonly uid: string;
    readonly spiffeId: string;
    readonly claims: JsonObject;
    readonly liveness: string;
  };
  readonly issuer: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly request: {
    /** Milliseconds. */
    readonly time: number;
    /** Seconds. */
    readonly ttl: number;
    /** Words of the request, a blank between. */
    readonly scope: string;
  };
  readonly target: { readonly kind: string; readonly id: string };
}

/** What a condition says of attributes. Whoever asks takes an error for a denial. */
export type Answer =
  | { readonly kind: 'true' | 'false' /** The values it read, for audit and explain. */; readonly values: string }
  | { readonly kind: 'error'; readonly values: string; readonly error: string };

/** A condition that was checked and compiled. Asking it is pure, and bounded by its cost. */
export interface Condition {
  /** As it is written, cut to a length for audit and explain. */
  readonly text: string;
  /** As it is written, to the last letter. */
  readonly whole: string;
  ask(attributes: Attributes): Answer;
}

/** Why a text is no condition. */
export interface ConditionFault {
  /** Of the text, 0-based. */
  readonly offset: number;
  readonly message: string;
  readonly hint?: string;
}

export type CompiledCondition =
  | { readonly ok: true; readonly condition: Condition }
  | { readonly ok: false; readonly faults: readonly [ConditionFault, ...ConditionFault[]] };

/** A language of conditions: the same text always compiles to the same. */
export interface Conditions {
  compile(text: string): CompiledCondition;
}
