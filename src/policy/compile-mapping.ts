import { TokenType } from '../core/token-types.ts';
import { mappingVersionOf } from '../resources/access-request.ts';
import type { DocumentOf } from '../resources/document.ts';
import { durationSeconds } from '../resources/duration.ts';
import type { FederationMappingSpec } from '../resources/federation-mapping.ts';
import { compileIntents } from '../resources/targets/compile-intents.ts';
import {
  addressesOf,
  cloudAddressesOf,
  TARGETS,
  type TargetSpec,
  tokenTypesOf,
  ttlLimitsOf,
} from '../resources/targets/target.ts';
import type { BuiltTarget, CompiledMapping, Mode, Terms } from './compiled-mapping.ts';
import type { Condition } from './conditions/condition.ts';
import type { Coverage } from './coverage.ts';
import type { Subject } from './subject.ts';

// What most mappings have in common, once: there may be 100,000 of them.
const ENFORCE: Mode = { kind: 'enforce' };
const SHADOW: Mode = { kind: 'shadow' };
const NOTHING_ACCEPTED: Terms['accepts'] = { intents: false, ttl: false };
const ASSERTION_TYPES: Terms['tokenTypes'] = [TokenType.jwt];

interface Compilable {
  readonly subject: Subject;
  readonly target: TargetSpec;
  readonly unbuilt: readonly string[];
  /** `when`, where there is one. */
  readonly when: Condition | undefined;
  /** Where the mapping needs a grant. */
  readonly grant: Coverage | undefined;
}

/** A mapping as it stands in the index. */
export function compileMapping(
  { name, spec }: DocumentOf<'FederationMapping'>,
  { subject, target, unbuilt, when, grant }: Compilable,
): CompiledMapping {
  const addresses = addressesOf(name, spec.addresses ?? [], target);
  const state: CompiledMapping['state'] =
    unbuilt.length > 0 || !isBuilt(target)
      ? { kind: 'inactive', why: `not built yet: ${unbuilt.join(', ')}` }
      : { kind: 'active', terms: termsOf(spec, target, { when, grant }) };
  return { name, subject, addresses, cloudAddresses: cloudAddressesOf(target), state };
}

function isBuilt(target: TargetSpec): target is BuiltTarget {
  return target.kind !== 'x509Svid';
}

function termsOf(
  spec: FederationMappingSpec,
  target: BuiltTarget,
  { when, grant }: Pick<Compilable, 'when' | 'grant'>,
): Terms {
  const { cloud } = TARGETS[target.kind];
  const limits = ttlLimitsOf(target);
  const maxSeconds = spec.ttl?.max === undefined ? limits.defaultMaxSeconds : durationSeconds(spec.ttl.max);
  const wished = spec.ttl?.default === undefined ? limits.defaultSeconds : durationSeconds(spec.ttl.default);
  const accept = spec.residual?.accept ?? [];
  // What few mappings say is spread last: room for it would be kept in the terms of all.
  const always = {
    target,
    deliver: spec.deliver,
    tokenTypes: spec.deliver === 'assertion' ? ASSERTION_TYPES : tokenTypesOf(target),
    binding: spec.subject.binding ?? (cloud ? 'pod' : 'any'),
    ttl: {
      defaultSeconds: wished,
      maxSeconds,
      ...(spec.ttl?.outliveSubject !== undefined && { outliveSubject: spec.ttl.outliveSubject }),
      limits,
    },
    mode: modeOf(spec),
    accepts:
      accept.length === 0 ? NOTHING_ACCEPTED : { intents: accept.includes('intents'), ttl: accept.includes('ttl') },
  };
  return { ...always, ...seldomSaid(spec, target, { when, grant }) };
}

function seldomSaid(
  spec: FederationMappingSpec,
  target: BuiltTarget,
  { when, grant }: Pick<Compilable, 'when' | 'grant'>,
): Partial<Terms> {
  const list = Array.isArray(spec.intents) ? spec.intents : undefined;
  return {
    ...(when !== undefined && { when }),
    ...(grant !== undefined && { grant }),
    ...(spec.expiresAt !== undefined && { expiresAt: Date.parse(spec.expiresAt) }),
    ...(spec.replay !== undefined && { replay: spec.replay }),
    ...(spec.shareAcrossPods === true && { shareAcrossPods: true }),
    ...(spec.access !== 'standing' && {
      access: { version: mappingVersionOf(spec), spec: spec.access.justInTime, owner: spec.owner },
    }),
    ...(list !== undefined && { intents: { list, compiled: compileIntents(target, spec.deliver, list) } }),
  };
}

function modeOf({ mode, until }: FederationMappingSpec): Mode {
  if (mode === 'report') return { kind: mode, until: Date.parse(until ?? '') };
  return mode === 'shadow' ? SHADOW : ENFORCE;
}
