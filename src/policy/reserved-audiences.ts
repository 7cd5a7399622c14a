import type { DocumentOf } from '../resources/document.ts';
import { CLOUD_AUDIENCES, reservedAudiencesOf, targetOf } from '../resources/targets/target.ts';

/** Providers of Google Cloud, in either spelling, whether a mapping names them or not. */
const GCP_PROVIDER = /^(https:)?\/\/iam\.googleapis\.com\//;

/**
 * Audiences that no SVID may carry, because somebody else would take the token for one of theirs: the clouds', those of
 * cloud and OAuth targets, Carnet's own issuers, and whatever a TrustedIssuer calls itself or asks for. Spelling is
 * compared without case and without a trailing slash, as lenient verifiers do.
 */
export class ReservedAudiences {
  readonly #reserved: ReadonlySet<string>;

  constructor(
    ownIssuers: readonly string[],
    issuers: readonly DocumentOf<'TrustedIssuer'>[],
    mappings: readonly DocumentOf<'FederationMapping'>[],
  ) {
    const all = [
      ...CLOUD_AUDIENCES,
      ...ownIssuers,
      ...issuers.flatMap(({ spec }) => [
        spec.issuer,
        ...(spec.previousIssuers ?? []).map(({ issuer }) => issuer),
        ...spec.audiences,
      ]),
      ...mappings.flatMap(({ spec }) => {
        const target = targetOf(spec.target);
        return target === undefined ? [] : reservedAudiencesOf(target);
      }),
    ];
    this.#reserved = new Set(all.map(folded));
  }

  has(audience: string): boolean {
    const text = folded(audience);
    return this.#reserved.has(text) || GCP_PROVIDER.test(text);
  }
}

function folded(audience: string): string {
  return audience.toLowerCase().replace(/\/$/, '');
}
