import type { DocumentOf, Fault } from '../../resources/document.ts';
import type { TrustedIssuers } from '../../resources/issuers.ts';
import { awsLints, awsParts } from './aws.ts';
import { azureLints, azureParts } from './azure.ts';
import type { Cloud } from './clouds.ts';
import { gcpLints, gcpParts } from './gcp.ts';
import type { Part } from './part.ts';
import type { TrustingMapping } from './trusting.ts';

type Mapping = DocumentOf<'FederationMapping'>;

/** What a cloud must hold for these mappings, and what it would refuse of that. */
export interface CloudTrust {
  readonly parts: readonly Part[];
  readonly lints: readonly Fault[];
  readonly trusting: readonly TrustingMapping<unknown>[];
}

export function trustOf(
  cloud: Cloud,
  issuer: string,
  mappings: readonly Mapping[],
  issuers: TrustedIssuers,
): CloudTrust {
  const having = <S>(targetOf: (mapping: Mapping) => S | undefined): readonly TrustingMapping<S>[] =>
    mappings.flatMap((document) => {
      const target = targetOf(document);
      const trusted = issuers.byName.get(document.spec.subject.issuer ?? '');
      return target === undefined ? [] : [{ document, target, ...(trusted !== undefined && { issuer: trusted }) }];
    });
  switch (cloud) {
    case 'aws': {
      const trusting = having(({ spec }) => spec.target.aws);
      return { parts: awsParts(issuer, trusting), lints: awsLints(issuer, trusting), trusting };
    }
    case 'gcp': {
      const trusting = having(({ spec }) => spec.target.gcp);
      return { parts: gcpParts(issuer, trusting), lints: gcpLints(trusting), trusting };
    }
    case 'azure': {
      const trusting = having(({ spec }) => spec.target.azure);
      return { parts: azureParts(issuer, trusting), lints: azureLints(issuer, trusting), trusting };
    }
  }
}
