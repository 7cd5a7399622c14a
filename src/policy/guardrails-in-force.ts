import type { DocumentOf, Fault } from '../resources/document.ts';
import { nearestName } from '../resources/nearest-name.ts';
import { warningAt } from './fault.ts';
import { type CompiledGuardrail, compileGuardrail, hasUnbuiltCondition } from './guardrails.ts';
import { type Chosen, choose } from './in-force.ts';
import { compareText, type LastGood, type Version } from './versions.ts';

/** Names that guardrails may speak of. */
export interface KnownNames {
  readonly issuers: ReadonlySet<string>;
  readonly mappings: ReadonlySet<string>;
}

export interface GuardrailsInForce extends Chosen<'Guardrail'> {
  /** By name. */
  readonly guardrails: readonly CompiledGuardrail[];
}

export function guardrailsInForce(
  versions: readonly Version[],
  lastGood: LastGood,
  known: KnownNames,
): GuardrailsInForce {
  const chosen = choose('Guardrail', versions, lastGood);
  return {
    ...chosen,
    faults: [...chosen.faults, ...chosen.accepted.flatMap((document) => warnings(document, known))],
    guardrails: chosen.inForce.map(compileGuardrail).sort((a, b) => compareText(a.name, b.name)),
  };
}

function warnings(document: DocumentOf<'Guardrail'>, known: KnownNames): readonly Fault[] {
  const { match } = document.spec;
  const unbuilt = hasUnbuiltCondition(document.spec)
    ? [
        warningAt(document, ['spec', 'deny'], {
          message: 'conditions are not built yet: it denies all that it matches',
        }),
      ]
    : [];
  return [
    ...unbuilt,
    ...unknown(document, 'issuers', match?.issuers, known.issuers),
    ...unknown(document, 'mappings', match?.mappings, known.mappings),
  ];
}

function unknown(
  document: DocumentOf<'Guardrail'>,
  field: 'issuers' | 'mappings',
  names: readonly string[] | undefined,
  known: ReadonlySet<string>,
): readonly Fault[] {
  return (names ?? []).flatMap((name, at) => {
    if (known.has(name)) return [];
    const near = nearestName(name, [...known]);
    const hint = near === undefined ? undefined : `did you mean ${near}?`;
    return [
      warningAt(document, ['spec', 'match', field, at], { message: `there is no ${name}: it matches nobody`, hint }),
    ];
  });
}
