import { ANY } from '../../policy/subject.ts';
import type { Fault } from '../../resources/document.ts';
import { lint, type TrustingMapping } from './trusting.ts';

/** Of AWS, which is the tightest (clouds.md rule 2). */
const MAX_ISSUER_CHARACTERS = 255;

/** Why no cloud would fetch the keys of this issuer: legal under development only. */
export function issuerLints(issuer: string, configFile: string): readonly Fault[] {
  const url = new URL(issuer);
  const faults = [
    url.protocol === 'https:' ? undefined : 'clouds trust https issuers only',
    url.port === '' ? undefined : 'AWS wants no port in an issuer',
    issuer.length <= MAX_ISSUER_CHARACTERS ? undefined : `AWS takes ${MAX_ISSUER_CHARACTERS} characters`,
  ].filter((message) => message !== undefined);
  const hint = 'set the https address, without port, at which clouds will find the discovery document';
  return faults.map((message) => ({ source: configFile, field: 'issuer', message, hint, severity: 'error' }));
}

/** Clouds know a mapping only, so whoever it selects is one and the same there. */
export function subjectLints(mappings: readonly TrustingMapping<unknown>[]): readonly Fault[] {
  return mappings.flatMap((mapping) => {
    const { namespace, serviceAccount, claims = {}, issuerSelector } = mapping.document.spec.subject;
    const wild = [
      namespace === ANY ? 'namespace' : undefined,
      serviceAccount === ANY ? 'serviceAccount' : undefined,
      Object.values(claims).includes(ANY) ? 'claims' : undefined,
      issuerSelector === undefined ? undefined : 'issuerSelector',
    ].filter((field) => field !== undefined);
    return wild.map((field) =>
      lint(mapping, ['spec', 'subject', field], {
        message: 'selects many identities, which all are one subject for the cloud',
        hint: 'split the mapping where the cloud should tell them apart',
        severity: 'warning',
      }),
    );
  });
}
