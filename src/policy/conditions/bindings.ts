import type { CelInput } from '@bufbuild/cel';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { isJsonObject, type JsonValue } from '../../core/json.ts';
import type { Attributes } from './condition.ts';

export type Bindings = Readonly<Record<keyof Attributes, CelInput>>;

/** Attributes as values of CEL. JSON numbers are doubles, and a claim that is null counts as absent. */
export function bindingsOf({ identity, issuer, request, target }: Attributes): Bindings {
  const { time, ttl, scope } = request;
  return {
    identity: new Map<string, CelInput>([...Object.entries(identity), ['claims', celValue(identity.claims)]]),
    issuer: new Map<string, CelInput>([...Object.entries(issuer), ['labels', celValue(issuer.labels)]]),
    request: new Map<string, CelInput>([
      ['time', timestampFromMs(time)],
      ['ttl', durationFromMs(ttl * 1000)],
      ['scope', scope],
    ]),
    target: new Map<string, CelInput>(Object.entries(target)),
  };
}

/** Maps in place of objects: these may lack a prototype, and may have a member called `__proto__`. */
function celValue(value: JsonValue): CelInput {
  if (typeof value !== 'object' || value === null) return value;
  if (!isJsonObject(value)) return value.map(celValue);
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return new Map(members.map(([name, member]) => [name, celValue(member)]));
}
