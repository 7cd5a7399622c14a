import type { DocumentOf } from '../resources/document.ts';
import { CLOUD_AUDIENCES, reservedAudiencesOf, targetOf } from '../resources/targets/target.ts';

/** Providers of Google Cloud, in either spelling, whether a mapping names them or not. */
const GCP_PROVIDER = /^(https:)?\/\/iam\.googleapis\.com\//;

type Mapping = DocumentOf<'FederationMapping'>;

interface Change {
  readonly gone: readonly Mapping[];
  readonly fresh: readonly Mapping[];
  /** Last good versions, all of them. */
  readonly lastGood: readonly Mapping[];
}

/**
 * Audiences that no SVID may carry, because somebody else would take the token for one of theirs: the clouds', those of
 * cloud and OAuth targets, Carnet's own issuers, and whatever a TrustedIssuer calls itself or asks for. Spelling is
 * compared without case and without a trailing slash, as lenient verifiers do.
 */
export class ReservedAudiences {
  readonly #always: ReadonlySet<string>;
  /** How many mappings have each. */
  readonly #counts: ReadonlyMap<string, number>;
  readonly #lastGood: ReadonlySet<string>;

  /** Without any mapping. */
  static of(ownIssuers: readonly string[], issuers: readonly DocumentOf<'TrustedIssuer'>[]): ReservedAudiences {
    const always = [
      ...CLOUD_AUDIENCES,
      ...ownIssuers,
      ...issuers.flatMap(({ spec }) => [
        spec.issuer,
        ...(spec.previousIssuers ?? []).map(({ issuer }) => issuer),
        ...spec.audiences,
      ]),
    ];
    return new ReservedAudiences(new Set(always.map(folded)), new Map(), new Set());
  }

  private constructor(always: ReadonlySet<string>, counts: ReadonlyMap<string, number>, lastGood: ReadonlySet<string>) {
    this.#always = always;
    this.#counts = counts;
    this.#lastGood = lastGood;
  }

  has(audience: string): boolean {
    return this.#has(folded(audience));
  }

  /** With other mappings, and whether an audience is one that is reserved in one of both and not in the other. */
  changed(change: Change): { readonly reserved: ReservedAudiences; readonly isOther: (audience: string) => boolean } {
    const counts = new Map(this.#counts);
    const touched = new Set(this.#lastGood);
    const count = (mappings: readonly Mapping[], by: 1 | -1) => {
      for (const audience of audiencesOf(mappings)) {
        const left = (counts.get(audience) ?? 0) + by;
        if (left === 0) counts.delete(audience);
        else counts.set(audience, left);
        touched.add(audience);
      }
    };
    count(change.gone, -1);
    count(change.fresh, 1);
    const lastGood = new Set(audiencesOf(change.lastGood));
    const reserved = new ReservedAudiences(this.#always, counts, lastGood);
    const others = touched.union(lastGood);
    for (const audience of others) if (this.#has(audience) === reserved.#has(audience)) others.delete(audience);
    return { reserved, isOther: (audience) => others.size > 0 && others.has(folded(audience)) };
  }

  #has(text: string): boolean {
    return this.#always.has(text) || this.#counts.has(text) || this.#lastGood.has(text) || GCP_PROVIDER.test(text);
  }
}

function* audiencesOf(mappings: readonly Mapping[]): Generator<string> {
  for (const { spec } of mappings) {
    const target = targetOf(spec.target);
    if (target !== undefined) yield* reservedAudiencesOf(target).map(folded);
  }
}

function folded(audience: string): string {
  return audience.toLowerCase().replace(/\/$/, '');
}
