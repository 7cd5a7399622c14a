import { covers, intentText } from '../../resources/intents.ts';
import type { TargetSpec } from '../../resources/targets/target.ts';
import type { Terms } from '../compiled-mapping.ts';
import type { Conditions } from '../conditions/condition.ts';
import { accessWidens } from './access.ts';
import { isJoined } from './condition.ts';
import { beyond, differs, type Found, found } from './reason.ts';

/** What the terms of a mapping are judged beside. */
export interface Beside {
  readonly conditions: Conditions;
  /** Whether a guardrail refuses mappings that are not held to intents: being held to some then opens what was shut. */
  readonly requiresIntents: boolean;
}

type Rule = (before: Terms, after: Terms, beside: Beside) => readonly Found[];

/** A rule for each term, so that no new one is forgotten. */
const RULES: { readonly [K in keyof Terms]-?: Rule } = {
  target: (before, after) => targetWidens(before.target, after.target),
  deliver: (before, after) => found([['spec.deliver', before.deliver !== after.deliver && 'is another way out']]),
  tokenTypes: () => [],
  binding: (before, after) =>
    found([
      [
        'spec.subject.binding',
        before.binding === 'pod' && after.binding === 'any' && 'takes tokens that are bound to no pod',
      ],
    ]),
  ttl: ({ ttl: before }, { ttl: after }) =>
    found([
      ['spec.ttl.max', after.maxSeconds > before.maxSeconds && `is up from ${before.maxSeconds} s`],
      ['spec.ttl.default', after.defaultSeconds > before.defaultSeconds && `is up from ${before.defaultSeconds} s`],
      [
        'spec.ttl.outliveSubject',
        before.outliveSubject !== after.outliveSubject &&
          before.outliveSubject !== true &&
          after.outliveSubject !== false &&
          'may let credentials outlive the token',
      ],
    ]),
  when: (before, after, { conditions }) =>
    found([['spec.when', before.when !== undefined && whenWidens(before.when, after.when, conditions)]]),
  mode: (before, after) =>
    found([['spec.mode', differs(before.mode, after.mode) && 'is another mode, or until later']]),
  expiresAt: ({ expiresAt: before }, { expiresAt: after }) =>
    found([
      [
        'spec.expiresAt',
        before !== undefined && (after === undefined || after > before) && 'is later, or there is no end any more',
      ],
    ]),
  replay: (before, after) =>
    found([['spec.replay', before.replay !== undefined && after.replay === undefined && 'lets tokens be used again']]),
  shareAcrossPods: (before, after) =>
    found([
      [
        'spec.shareAcrossPods',
        before.shareAcrossPods === undefined && after.shareAcrossPods === true && 'gives pods a credential in common',
      ],
    ]),
  grant: ({ grant: before }, { grant: after }) =>
    found([
      ['', before !== undefined && isWiderGrant(before, after) && 'is covered by a FederationGrant, or by a wider one'],
    ]),
  access: accessWidens,
  intents: intentsWiden,
  accepts: ({ accepts: before }, { accepts: after }) =>
    found([
      ['spec.residual.accept', after.intents && !before.intents && 'accepts intents that nothing enforces'],
      ['spec.residual.accept', after.ttl && !before.ttl && 'accepts lifetimes that the target chooses'],
    ]),
};

/** Fields of a mapping that is in force before and after by which it gives more, or is not provably giving less. */
export function termsWiden(before: Terms, after: Terms, beside: Beside): readonly Found[] {
  return Object.values(RULES).flatMap((rule) => rule(before, after, beside));
}

/** Without a need for a grant nothing of it holds any more. */
function isWiderGrant(before: NonNullable<Terms['grant']>, after: Terms['grant']): boolean {
  if (after?.ok === false) return false;
  if (after === undefined || !before.ok) return true;
  return (after.maxTtlSeconds ?? Number.POSITIVE_INFINITY) > (before.maxTtlSeconds ?? Number.POSITIVE_INFINITY);
}

/** Lists of a target of which a part gives less. */
const LISTS: Readonly<Record<TargetSpec['kind'], string | undefined>> = {
  aws: 'policyArns',
  gcp: 'scopes',
  azure: 'scopes',
  oauth: 'scopes',
  jwtSvid: 'audiences',
  x509Svid: undefined,
};

function targetWidens(before: TargetSpec, after: TargetSpec): readonly Found[] {
  if (before.kind !== after.kind) return [{ field: 'spec.target', why: `is ${after.kind} and was ${before.kind}` }];
  const old: Readonly<Record<string, unknown>> = { ...before.spec };
  const now: Readonly<Record<string, unknown>> = { ...after.spec };
  const fields = Object.keys({ ...old, ...now }).filter((field) => differs(old[field], now[field]));
  return fields
    .filter((field) => field !== LISTS[after.kind] || !isPart(old[field], now[field]))
    .map((field) => ({ field: `spec.target.${after.kind}.${field}`, why: 'is not certainly less than it was' }));
}

function isPart(before: unknown, after: unknown): boolean {
  return Array.isArray(before) && Array.isArray(after) && beyond(before, after).length === 0;
}

function whenWidens(before: NonNullable<Terms['when']>, after: Terms['when'], conditions: Conditions) {
  if (after === undefined) return 'is gone';
  const stricter = before.whole === after.whole || isJoined(before, '&&', after, conditions);
  return !stricter && 'is not the former condition, nor "(the former) && (...)"';
}

function intentsWiden(before: Terms, after: Terms, { requiresIntents }: Beside): readonly Found[] {
  const field = 'spec.intents';
  if (before.intents !== undefined && after.intents === undefined) return [{ field, why: 'are unrestricted' }];
  const former = before.intents?.list;
  const more = after.intents?.list.filter((one) =>
    former?.every((wide) => !covers(wide, one) || wide.enforcedBy !== one.enforcedBy),
  );
  return [
    ...(more ?? []).map((one) => ({ field, why: `have ${intentText(one)}, which nothing there was covers` })),
    ...found([
      [field, !isLoose(before) && isLoose(after) && 'are not all enforced any more'],
      [field, !isGiven(before) && isGiven(after) && 'could not be kept before, and now can be'],
      [field, requiresIntents && isLoose(before) && !isLoose(after) && 'satisfy a guardrail that refused it'],
    ]),
  ];
}

/** Whether something is left that no intent holds: what `requireIntents` refuses. */
function isLoose({ intents }: Terms): boolean {
  return intents === undefined || intents.compiled.enforcedBy.includes('none');
}

/** Whether the intents let anything be given out. */
function isGiven({ intents, accepts }: Terms): boolean {
  if (intents === undefined) return true;
  const { enforcedBy, oversize } = intents.compiled;
  return oversize === undefined && (accepts.intents || !enforcedBy.includes('none'));
}
