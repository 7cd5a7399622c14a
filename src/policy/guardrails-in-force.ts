import type { DocumentOf, Fault } from '../resources/document.ts';
import { NearestNames } from '../resources/nearest-name.ts';
import { conditionFaults } from './condition-faults.ts';
import type { Conditions } from './conditions/condition.ts';
import { ALWAYS } from './conditions/conditions-for.ts';
import { warningAt } from './fault.ts';
import { type CompiledGuardrail, compileGuardrail } from './guardrails.ts';
import { type Chosen, choose } from './in-force.ts';
import { carries } from './subject.ts';
import { compareText, type LastGood, type Version } from './versions.ts';

/** Names that guardrails may speak of. */
export interface KnownNames {
  readonly issuers: ReadonlySet<string>;
  /** Labels of each of them. */
  readonly issuerLabels: readonly Readonly<Record<string, string>>[];
  readonly mappings: ReadonlySet<string>;
}

export interface GuardrailsInForce extends Chosen<'Guardrail'> {
  /** By name. */
  readonly guardrails: readonly CompiledGuardrail[];
}

export function guardrailsInForce(
  versions: readonly Version[],
  lastGood: LastGood,
  { known, conditions }: { readonly known: KnownNames; readonly conditions: Conditions },
): GuardrailsInForce {
  const judged = versions.map((version) => judge(version, conditions));
  const chosen = choose(
    'Guardrail',
    judged.map(({ version }) => version),
    lastGood,
  );
  const names = { issuers: new Names(known.issuers), mappings: new Names(known.mappings) };
  return {
    ...chosen,
    faults: [
      ...judged.flatMap(({ faults }) => faults),
      ...chosen.faults,
      ...chosen.accepted.flatMap((document) => warnings(document, names, known.issuerLabels)),
    ],
    guardrails: chosen.inForce
      .map((one) => compileGuardrail(one, conditions))
      .sort((a, b) => compareText(a.name, b.name)),
  };
}

interface Judged {
  readonly version: Version;
  readonly faults: readonly Fault[];
}

/** A Guardrail whose condition is faulty is as faulty as one that its schema refuses. */
function judge(version: Version, conditions: Conditions): Judged {
  const { document } = version;
  const whole = { version, faults: [] };
  if (!document.valid || document.kind !== 'Guardrail') return whole;
  const text = document.spec.deny;
  if (text === undefined || text === ALWAYS) return whole;
  const faults = conditionFaults(document, { path: ['spec', 'deny'], text }, conditions.compile(text));
  if (faults.length === 0) return whole;
  const { spec: raw, ...rest } = document;
  return { version: { ...version, document: { ...rest, valid: false, raw } }, faults };
}

/** Names that there are, and which of them was meant. */
class Names {
  readonly known: ReadonlySet<string>;
  readonly nearest: NearestNames;

  constructor(known: ReadonlySet<string>) {
    this.known = known;
    this.nearest = new NearestNames(known);
  }
}

function warnings(
  document: DocumentOf<'Guardrail'>,
  names: Readonly<Record<'issuers' | 'mappings', Names>>,
  issuerLabels: KnownNames['issuerLabels'],
): readonly Fault[] {
  const { match } = document.spec;
  return [
    ...unknown(document, 'issuers', match?.issuers, names.issuers),
    ...unknown(document, 'mappings', match?.mappings, names.mappings),
    ...unknownLabels(document, issuerLabels),
  ];
}

function unknown(
  document: DocumentOf<'Guardrail'>,
  field: 'issuers' | 'mappings',
  names: readonly string[] | undefined,
  { known, nearest }: Names,
): readonly Fault[] {
  return (names ?? []).flatMap((name, at) => {
    if (known.has(name)) return [];
    const near = nearest.of(name);
    const hint = near === undefined ? undefined : `did you mean ${near}?`;
    return [
      warningAt(document, ['spec', 'match', field, at], { message: `there is no ${name}: it matches nobody`, hint }),
    ];
  });
}

/** A mistyped label leaves everybody outside the ceiling, as a mistyped name does. */
function unknownLabels(document: DocumentOf<'Guardrail'>, issuerLabels: KnownNames['issuerLabels']): readonly Fault[] {
  const wanted = document.spec.match?.issuerLabels;
  if (wanted === undefined || issuerLabels.some((labels) => carries({ labels }, wanted))) return [];
  const message = 'no TrustedIssuer carries these labels: it matches nobody';
  return [warningAt(document, ['spec', 'match', 'issuerLabels'], { message })];
}
