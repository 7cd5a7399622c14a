import type { TokenType } from '../core/token-types.ts';
import type { Intent } from '../resources/intents.ts';
import type { JustInTime } from '../resources/just-in-time.ts';
import type { CompiledIntents } from '../resources/targets/compiled-intents.ts';
import type { TargetSpec, TtlLimits } from '../resources/targets/target.ts';
import type { Condition } from './conditions/condition.ts';
import type { Coverage } from './coverage.ts';
import type { Subject } from './subject.ts';

/** Targets that can be issued for. */
export type BuiltTarget = Exclude<TargetSpec, { kind: 'x509Svid' }>;

/** `until` in milliseconds: from then on it enforces. */
export type Mode = { readonly kind: 'enforce' | 'shadow' } | { readonly kind: 'report'; readonly until: number };

/** All that a mapping says beyond whom it is for. */
export interface Terms {
  readonly target: BuiltTarget;
  readonly deliver: 'credentials' | 'assertion';
  /** First the type that is issued when none is asked. */
  readonly tokenTypes: readonly [TokenType, ...TokenType[]];
  /** What a Kubernetes subject token must be bound to. */
  readonly binding: 'pod' | 'any';
  readonly ttl: {
    /** Where the request asks for none; `maxSeconds` caps it too. */
    readonly defaultSeconds: number;
    readonly maxSeconds: number;
    /** Absent: true for clouds reached from projected tokens, else false. */
    readonly outliveSubject?: boolean;
    /** What the target can give. */
    readonly limits: TtlLimits;
  };
  /** Without it nobody is given anything, unless the mapping only reports. */
  readonly when?: Condition;
  readonly mode: Mode;
  /** Milliseconds. */
  readonly expiresAt?: number;
  /** Present: a token is good for one credential of this mapping and of others that say so. */
  readonly replay?: 'once';
  readonly shareAcrossPods?: true;
  /** Present: nobody is given anything that was not approved, for the mapping as this version says it, by others than its owner. */
  readonly access?: { readonly version: string; readonly spec: JustInTime; readonly owner: string };
  /** What the credential is held to; absent where it is unrestricted and for targets that have no intents. */
  readonly intents?: { readonly list: readonly Intent[]; readonly compiled: CompiledIntents };
  /** Whether a FederationGrant covers it; absent where none is needed. */
  readonly grant?: Coverage;
  /** What the target does not enforce and the owner accepts in writing. */
  readonly accepts: { readonly intents: boolean; readonly ttl: boolean };
}

/** A mapping in the index: it selects callers by subject and address, then grants by its terms or refuses `inactive`. */
export interface CompiledMapping {
  readonly name: string;
  readonly subject: Subject;
  readonly addresses: readonly string[];
  /** Those of `addresses` that its cloud gives it: a tie there costs that address alone. */
  readonly cloudAddresses: readonly string[];
  readonly state:
    | { readonly kind: 'active'; readonly terms: Terms }
    /** `why` is for audit and explain. */
    | { readonly kind: 'inactive'; readonly why: string };
}
