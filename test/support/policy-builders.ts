import type { Author } from '../../src/core/author.ts';
import type { Ask } from '../../src/core/decision.ts';
import type { KubernetesIdentity, OidcIdentity } from '../../src/core/identity.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { type Compiled, type CompileInput, compile } from '../../src/policy/compile.ts';
import { CelConditions } from '../../src/policy/conditions/cel-conditions.ts';
import { RememberedConditions } from '../../src/policy/conditions/remembered-conditions.ts';
import { decide } from '../../src/policy/decide.ts';
import type { Snapshot } from '../../src/policy/snapshot.ts';
import { accessRequestSpec } from '../../src/resources/access-request.ts';
import type { Document, Kind, ValidDocument } from '../../src/resources/document.ts';
import { federationGrantSpec } from '../../src/resources/federation-grant.ts';
import { federationMappingSpec } from '../../src/resources/federation-mapping.ts';
import { guardrailSpec } from '../../src/resources/guardrail.ts';
import { trustedIssuerSpec } from '../../src/resources/trusted-issuer.ts';

export const NOW = Date.parse('2026-11-22T09:00:00.000Z');
const SCHEMAS = {
  TrustedIssuer: trustedIssuerSpec,
  FederationMapping: federationMappingSpec,
  Guardrail: guardrailSpec,
  FederationGrant: federationGrantSpec,
  AccessRequest: accessRequestSpec,
} as const;

interface Meta {
  readonly labels?: Readonly<Record<string, string>>;
  readonly source?: string;
  readonly author?: Author;
}

/** A document as its schema judges it: valid with defaults filled in, or faulty with the raw spec. */
export function document(
  kind: Kind,
  name: string,
  spec: unknown,
  { labels = {}, source = 'a.yaml', author }: Meta = {},
): Document {
  const base = { kind, name, labels, source: { id: source, line: () => 1, ...(author && { author }) }, index: 0 };
  const parsed = SCHEMAS[kind].safeParse(spec);
  return parsed.success
    ? ({ ...base, valid: true, spec: parsed.data } as ValidDocument)
    : { ...base, valid: false, raw: spec };
}

/** A document that must be valid: a test that thinks so and is wrong fails here. */
export function valid(one: Document): ValidDocument {
  if (!one.valid) throw new Error(`${one.kind} ${one.name} is not valid`);
  return one;
}

export function cluster(name: string, labels: Readonly<Record<string, string>> = {}, meta: Meta = {}): Document {
  const spec = {
    issuer: `https://${name}.example.org`,
    audiences: [`https://sts.example.org/${name}`],
    keys: { discovery: {} },
    kubernetes: {},
  };
  return document('TrustedIssuer', name, spec, { labels, ...meta });
}

export function ci(name: string, oidc: object = {}, labels: Readonly<Record<string, string>> = {}): Document {
  const spec = {
    issuer: `https://${name}.example.org`,
    audiences: ['https://sts.example.org'],
    keys: { discovery: {} },
    oidc,
  };
  return document('TrustedIssuer', name, spec, { labels });
}

export const ROLE = 'arn:aws:iam::123456789012:role/reports';

/** An AWS mapping for payments/reporter of prod-eu, in the given respects different. */
export function awsMapping(name: string, changes: object = {}, meta: Meta = {}): Document {
  const spec = {
    owner: 'team@example.org',
    subject: { issuer: 'prod-eu', namespace: 'payments', serviceAccount: 'reporter' },
    target: { aws: { roleArn: ROLE, region: 'eu-west-1' } },
    intents: 'unrestricted',
    ...changes,
  };
  return document('FederationMapping', name, spec, meta);
}

/** An SVID mapping of audience `ledger` for payments/reporter of prod-eu, in the given respects different. */
export function svidMapping(name: string, changes: object = {}, meta: Meta = {}): Document {
  const spec = {
    owner: 'team@example.org',
    subject: { issuer: 'prod-eu', namespace: 'payments', serviceAccount: 'reporter' },
    target: { jwtSvid: { audiences: ['ledger'] } },
    ...changes,
  };
  return document('FederationMapping', name, spec, meta);
}

export function guardrail(name: string, spec: object, meta: Meta = {}): Document {
  return document('Guardrail', name, spec, meta);
}

export function workload(changes: Partial<KubernetesIdentity> = {}): KubernetesIdentity {
  const { issuer = 'prod-eu', namespace = 'payments', serviceAccount = 'reporter' } = changes;
  return {
    kind: 'kubernetes',
    issuer,
    subject: `system:serviceaccount:${namespace}:${serviceAccount}`,
    spiffeId: `spiffe://example.org/cluster/${issuer}/ns/${namespace}/sa/${serviceAccount}`,
    issuedAt: NOW / 1000 - 60,
    expiresAt: NOW / 1000 + 3540,
    jtiSha256: '0'.repeat(64),
    cluster: issuer,
    namespace,
    serviceAccount,
    serviceAccountUid: '11111111-1111-1111-1111-111111111111',
    pod: { name: 'reporter-0', uid: '22222222-2222-2222-2222-222222222222' },
    binding: 'pod',
    liveness: 'not_asked',
    ...changes,
  };
}

/** The same without a pod. */
export function unboundWorkload(changes: Partial<KubernetesIdentity> = {}): KubernetesIdentity {
  const { pod: _, ...rest } = workload(changes);
  return { ...rest, binding: 'none' };
}

export function ciJob(claims: JsonObject, changes: Partial<OidcIdentity> = {}): OidcIdentity {
  return {
    kind: 'oidc',
    issuer: 'github',
    subject: 'repo:acme/shop',
    issuedAt: NOW / 1000 - 10,
    expiresAt: NOW / 1000 + 290,
    jtiSha256: '1'.repeat(64),
    claims,
    ...changes,
  };
}

export function ask(address: string, changes: Partial<Ask> = {}): Ask {
  return { address, scopes: [], ...changes };
}

/** Each text is compiled once for a whole test file. */
export const CONDITIONS = new RememberedConditions(new CelConditions());

const CONTEXT: CompileInput['context'] = {
  ownIssuers: ['https://carnet.example.org', 'https://carnet.example.org/svid'],
  trustDomain: 'example.org',
  requireGrants: false,
};

interface Past {
  readonly lastGood?: readonly Document[];
  /** Revision by `name`, or by `source name`. */
  readonly seen?: Readonly<Record<string, number>>;
  readonly context?: Partial<CompileInput['context']>;
}

export function compiled(
  documents: readonly Document[],
  { lastGood = [], seen = {}, context = {} }: Past = {},
): Compiled {
  return compile({
    documents,
    firstSeen: ({ name, source }) => seen[`${source.id} ${name}`] ?? seen[name],
    lastGood: lastGood.map(valid),
    context: { ...CONTEXT, ...context },
    conditions: CONDITIONS,
  });
}

export function snapshotOf(...documents: readonly Document[]): Snapshot {
  return compiled(documents).snapshot;
}

/** What a caller would learn: the mapping that grants, or the error with its reason. */
export function answer(snapshot: Snapshot, ...[identity, asked, now = NOW]: AnswerArguments): string {
  const decision = decide(snapshot, identity, asked, now);
  if (decision.outcome === 'allowed') return `allowed ${decision.mapping}`;
  return decision.reason === undefined ? decision.error : `${decision.error} ${decision.reason}`;
}
type AnswerArguments = [Parameters<typeof decide>[1], Ask, number?];
