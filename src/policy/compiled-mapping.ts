import type { TargetSpec } from '../resources/targets/target.ts';
import type { Subject } from './subject.ts';

/** Targets that can be issued for. */
export type BuiltTarget = Extract<TargetSpec, { kind: 'aws' | 'jwtSvid' }>;

/** All that a mapping says beyond whom it is for. */
export interface Terms {
  readonly target: BuiltTarget;
  readonly deliver: 'credentials' | 'assertion';
  /** What a Kubernetes subject token must be bound to. */
  readonly binding: 'pod' | 'any';
  readonly ttl: {
    /** Where the request asks for none; `maxSeconds` caps it too. */
    readonly defaultSeconds: number;
    readonly maxSeconds: number;
    /** Absent: true for clouds reached from projected tokens, else false. */
    readonly outliveSubject?: boolean;
  };
  /** Milliseconds. */
  readonly expiresAt?: number;
  /** Present: a token is good for one credential of this mapping and of others that say so. */
  readonly replay?: 'once';
  readonly shareAcrossPods?: true;
  /** False also for targets that have no intents. */
  readonly unrestricted: boolean;
}

/** A mapping in the index: it selects callers by subject and address, then grants by its terms or refuses `inactive`. */
export interface CompiledMapping {
  readonly name: string;
  readonly subject: Subject;
  readonly addresses: readonly string[];
  readonly state:
    | { readonly kind: 'active'; readonly terms: Terms }
    /** `why` is for audit and explain. */
    | { readonly kind: 'inactive'; readonly why: string };
}
