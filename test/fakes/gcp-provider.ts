import type { JsonObject } from '../../src/core/json.ts';
import { GcpRefusal } from './gcp-wire.ts';

const PROVIDER =
  /^\/\/iam\.googleapis\.com\/(?<pool>projects\/\d+\/locations\/global\/workloadIdentityPools\/[a-z0-9-]{4,32})\/providers\/[a-z0-9-]{4,32}$/;
const MAX_SUBJECT_BYTES = 127;
const MAX_MAPPED_BYTES = 8 * 1024;
const CLAIM = /^assertion\.(\w+)$/;
const EQUALITY = /^assertion\.(\w+) == '([^'\\]*)'$/;

/** A workload identity pool provider, as somebody set it up. */
export interface GcpProvider {
  /** `//iam.googleapis.com/projects/N/locations/global/workloadIdentityPools/P/providers/Q`. */
  readonly name: string;
  readonly issuerUri: string;
  /** Empty: the provider's own name, with and without `https:`. */
  readonly allowedAudiences?: readonly string[];
  /** To CEL of the form `assertion.CLAIM`. */
  readonly attributeMapping: Readonly<Record<string, string>>;
  /** CEL of the form `assertion.CLAIM == 'text'`, joined by ` && `. */
  readonly attributeCondition?: string;
  readonly disabled?: boolean;
}

/** Throws GcpRefusal for what Google would not let anybody set up (clouds.md 1.2), and for CEL that the double does not know. */
export function assertProvider({
  name,
  allowedAudiences = [],
  attributeMapping,
  attributeCondition,
}: GcpProvider): void {
  const attributes = Object.entries(attributeMapping);
  const custom = attributes.filter(([attribute]) => attribute !== 'google.subject');
  const legal =
    PROVIDER.test(name) &&
    'google.subject' in attributeMapping &&
    custom.length <= 50 &&
    custom.every(([attribute]) => /^attribute\.[a-z0-9_]{1,100}$/.test(attribute)) &&
    attributes.every(([, cel]) => cel.length <= 2048 && CLAIM.test(cel)) &&
    allowedAudiences.length <= 10 &&
    allowedAudiences.every(({ length }) => length >= 1 && length <= 256) &&
    clauses(attributeCondition).every((clause) => EQUALITY.test(clause)) &&
    (attributeCondition ?? '').length <= 4096;
  if (!legal) throw GcpRefusal.rpc('INVALID_ARGUMENT', 'the provider is not valid');
}

export function audiencesOf({ name, allowedAudiences = [] }: GcpProvider): readonly string[] {
  return allowedAudiences.length > 0 ? allowedAudiences : [name, `https:${name}`];
}

/** The names by which IAM policies know whoever showed these claims. Throws GcpRefusal. */
export function principalsOf(provider: GcpProvider, claims: JsonObject): readonly string[] {
  const mapped = Object.entries(provider.attributeMapping).flatMap(([attribute, cel]): [string, string][] => {
    const value = claims[CLAIM.exec(cel)?.[1] ?? ''];
    return typeof value === 'string' && value !== '' ? [[attribute, value]] : [];
  });
  const subject = mapped.find(([attribute]) => attribute === 'google.subject')?.[1];
  if (subject === undefined) {
    throw GcpRefusal.sts('invalid_grant', 'Could not obtain a value for google.subject from the given credential.');
  }
  if (Buffer.byteLength(subject) > MAX_SUBJECT_BYTES) {
    throw GcpRefusal.sts('invalid_grant', 'The size of mapped attribute google.subject exceeds the 127 bytes limit.');
  }
  if (mapped.reduce((sum, [, value]) => sum + Buffer.byteLength(value), 0) > MAX_MAPPED_BYTES) {
    throw GcpRefusal.sts('invalid_grant', 'The total size of the mapped attributes exceeds the 8192 bytes limit.');
  }
  const holds = clauses(provider.attributeCondition).every((clause) => {
    const [, claim = '', text] = EQUALITY.exec(clause) ?? [];
    return claims[claim] === text;
  });
  if (!holds)
    throw GcpRefusal.sts('unauthorized_client', 'The given credential is rejected by the attribute condition.');
  const pool = `iam.googleapis.com/${PROVIDER.exec(provider.name)?.groups?.['pool']}`;
  const sets = mapped.filter(([attribute]) => attribute !== 'google.subject');
  return [
    `principal://${pool}/subject/${subject}`,
    ...sets.map(([attribute, value]) => `principalSet://${pool}/${attribute}/${value}`),
    `principalSet://${pool}/*`,
  ];
}

function clauses(condition: string | undefined): readonly string[] {
  return condition === undefined ? [] : condition.split(' && ');
}
