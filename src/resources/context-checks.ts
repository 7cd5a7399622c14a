import type { DocumentOf, ValidDocument } from './document.ts';
import { fileReferences } from './file-references.ts';
import type { SchemaFault } from './schema-faults.ts';
import { isPermittedScheme } from './web-address.ts';

const DAY = 86_400_000;
const MAX_REPORT_DAYS = 30;

/** What a document is read in, beside its own text. */
export interface ReadContext {
  /** `development` of the configuration: allows http on loopback. */
  readonly development: boolean;
  /** Milliseconds. */
  readonly now: number;
}

/** Faults of a document that its schema accepts, in this installation, at this time. */
export function checkAgainst(document: ValidDocument, context: ReadContext): readonly SchemaFault[] {
  return originFaults(document).concat(kindFaults(document, context));
}

function kindFaults(document: ValidDocument, context: ReadContext): readonly SchemaFault[] {
  if (document.kind === 'TrustedIssuer') return schemeFaults(addresses(document.spec), context.development);
  if (document.kind !== 'FederationMapping') return [];
  return schemeFaults(serverAddresses(document.spec), context.development).concat(reportFaults(document, context.now));
}

function originFaults(document: ValidDocument): readonly SchemaFault[] {
  if (document.source.baseDirectory !== undefined) return [];
  return fileReferences(document).map(({ path }) => ({
    path,
    message: 'is only for documents from files',
    hint: 'put the document into a file that resources of carnet.yaml name',
  }));
}

function schemeFaults(named: readonly Address[], development: boolean): readonly SchemaFault[] {
  return named.flatMap(({ path, address }) =>
    isPermittedScheme(address, development)
      ? []
      : [{ path, message: 'must be https', hint: 'http is for loopback only, under development: true' }],
  );
}

interface Address {
  readonly path: SchemaFault['path'];
  readonly address: string;
}

function addresses(spec: DocumentOf<'TrustedIssuer'>['spec']): readonly Address[] {
  const named: readonly [SchemaFault['path'], string | undefined][] = [
    [['spec', 'issuer'], spec.issuer],
    ...(spec.previousIssuers ?? []).map(({ issuer }, at): [SchemaFault['path'], string] => [
      ['spec', 'previousIssuers', at, 'issuer'],
      issuer,
    ]),
    [['spec', 'keys', 'discovery', 'url'], spec.keys?.discovery?.url],
    [['spec', 'keys', 'discovery', 'jwksUri'], spec.keys?.discovery?.jwksUri],
    [['spec', 'keys', 'jwks', 'url'], spec.keys?.jwks?.url],
    [['spec', 'kubernetes', 'tokenReview', 'url'], spec.kubernetes?.tokenReview?.url],
    [['spec', 'spiffe', 'bundle', 'url'], spec.spiffe?.bundle.url],
  ];
  return named.flatMap(([path, address]) => (address === undefined ? [] : [{ path, address }]));
}

function serverAddresses({ target: { oauth } }: DocumentOf<'FederationMapping'>['spec']): readonly Address[] {
  return oauth === undefined ? [] : [{ path: ['spec', 'target', 'oauth', 'issuer'], address: oauth.issuer }];
}

function reportFaults({ spec }: DocumentOf<'FederationMapping'>, now: number): readonly SchemaFault[] {
  if (spec.until === undefined || Date.parse(spec.until) <= now + MAX_REPORT_DAYS * DAY) return [];
  return [{ path: ['spec', 'until'], message: `must be at most ${MAX_REPORT_DAYS} days ahead` }];
}
