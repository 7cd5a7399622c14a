import { type CompiledIssuers, compileIssuers, type IssuerContext } from '../resources/compile-issuers.ts';
import type { DocumentOf, Fault } from '../resources/document.ts';
import { warningAt } from './fault.ts';
import { type Chosen, choose, refusalOf } from './in-force.ts';
import { compareText, type LastGood, type Version } from './versions.ts';

export interface IssuersInForce extends Chosen<'TrustedIssuer'> {
  readonly issuers: CompiledIssuers['issuers'];
}

/**
 * TrustedIssuers, each in its newest version that is whole. One that its document's neighbours make faulty falls back to
 * its last good version like one that its own text makes faulty; without such a version it is refused.
 */
export function issuersInForce(
  versions: readonly Version[],
  lastGood: LastGood,
  context: IssuerContext,
): IssuersInForce {
  const chosen = choose('TrustedIssuer', versions, lastGood);
  const faults: Fault[] = [...chosen.faults];
  const refused: Fault[] = [...chosen.refused];
  const age = new Map(
    versions.map(({ document, firstSeen }) => [document.name, firstSeen ?? Number.POSITIVE_INFINITY]),
  );
  let inForce: readonly DocumentOf<'TrustedIssuer'>[] = chosen.inForce.toSorted(
    (a, b) => compareNumbers(age.get(a.name) ?? 0, age.get(b.name) ?? 0) || compareText(a.name, b.name),
  );
  for (;;) {
    const compiled = compileIssuers(inForce, context);
    const errors = compiled.faults.filter(({ severity }) => severity === 'error');
    if (errors.length === 0) {
      faults.push(...compiled.faults, ...inactiveWarnings(compiled, inForce));
      const current = new Set(chosen.accepted);
      return {
        issuers: compiled.issuers,
        inForce,
        kept: inForce.filter((document) => !current.has(document)),
        accepted: inForce.filter((document) => current.has(document)),
        faults,
        refused,
      };
    }
    const current = new Set(inForce.filter((document) => chosen.accepted.includes(document)).map(({ name }) => name));
    faults.push(...errors.filter(({ name }) => name !== undefined && current.has(name)));
    inForce = inForce.flatMap((document) => {
      if (!errors.some(({ name }) => name === document.name)) return [document];
      const good = lastGood.of(document);
      if (current.has(document.name) && good?.kind === 'TrustedIssuer') return [good];
      refused.push(refusalOf(document));
      return [];
    });
  }
}

function inactiveWarnings(
  { inactive }: CompiledIssuers,
  inForce: readonly DocumentOf<'TrustedIssuer'>[],
): readonly Fault[] {
  return inactive.flatMap(({ name, feature }) => {
    const document = inForce.find((one) => one.name === name);
    if (document === undefined) return [];
    return [warningAt(document, ['spec'], { message: `${feature} is not built yet: its tokens are refused` })];
  });
}

function compareNumbers(a: number, b: number): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
