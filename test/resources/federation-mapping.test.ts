import { describe, expect, test } from 'vitest';
import { faultsOf } from './reading.ts';

const AWS = { aws: { roleArn: 'arn:aws:iam::123456789012:role/reports', region: 'eu-west-1' } };
const GCP = {
  gcp: { provider: '//iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/carnet/providers/carnet' },
};
const SVID = { jwtSvid: { audiences: ['ledger'] } };
const WORKLOAD = { issuer: 'prod', namespace: 'payments', serviceAccount: 'reporter' };
const CLOUD = { owner: 'team@example.org', subject: WORKLOAD, target: AWS, intents: 'unrestricted' };
const MESH = { owner: 'team@example.org', subject: WORKLOAD, target: SVID };
const JUST_IN_TIME = { approvals: 2, approvers: ['payments-leads'], maxDuration: '1h' };
const justInTime = (changes: object) => ({ ...MESH, access: { justInTime: { ...JUST_IN_TIME, ...changes } } });
const subject = (value: object) => ({ ...MESH, subject: value });
const assertion = (accept: readonly string[], intents: unknown) => ({
  ...CLOUD,
  intents,
  deliver: 'assertion',
  residual: { accept, reason: 'short-lived' },
});
const INTENTS = [{ allow: 'object.read', resource: { bucket: 'reports' } }];
const FORMS = 'spec.subject: must have exactly one of namespace and serviceAccount, claims, spiffeId';
const ISSUER = 'spec.subject: must have exactly one of issuer, issuerSelector';

/** Each rule: what is accepted, the nearest that is not, and the fault. */
const RULES: readonly (readonly [string, object, object, string])[] = [
  ['an owner', MESH, { ...MESH, owner: undefined }, 'spec.owner: is required'],
  ['an issuer', MESH, subject({ namespace: 'a', serviceAccount: 'b' }), ISSUER],
  [
    'one way to name issuers',
    subject({ ...WORKLOAD, issuer: undefined, issuerSelector: { env: 'prod' } }),
    subject({ ...WORKLOAD, issuerSelector: { env: 'prod' } }),
    ISSUER,
  ],
  [
    'a selector of labels',
    subject({ ...WORKLOAD, issuer: undefined, issuerSelector: { env: 'prod' } }),
    subject({ ...WORKLOAD, issuer: undefined, issuerSelector: '*' }),
    'spec.subject.issuerSelector: must be an object',
  ],
  [
    'a selector of exact labels',
    subject({ ...WORKLOAD, issuer: undefined, issuerSelector: { env: 'prod' } }),
    subject({ ...WORKLOAD, issuer: undefined, issuerSelector: { env: '*' } }),
    'spec.subject.issuerSelector.env: must be an exact value: a selector knows no *',
  ],
  [
    'a selector that selects',
    subject({ ...WORKLOAD, issuer: undefined, issuerSelector: { env: 'prod' } }),
    subject({ ...WORKLOAD, issuer: undefined, issuerSelector: {} }),
    'spec.subject.issuerSelector: must name at least one label',
  ],
  ['a form of subject', subject({ issuer: 'ci', claims: { sub: 'a' } }), subject({ issuer: 'ci' }), FORMS],
  ['one form of subject', subject(WORKLOAD), subject({ ...WORKLOAD, claims: { sub: 'a' } }), FORMS],
  [
    'both names of a workload',
    subject(WORKLOAD),
    subject({ ...WORKLOAD, serviceAccount: undefined }),
    'spec.subject: must have namespace and serviceAccount together',
  ],
  [
    'a lone * as namespace',
    subject({ ...WORKLOAD, namespace: '*' }),
    subject({ ...WORKLOAD, namespace: 'pay*' }),
    'spec.subject.namespace: must be the name of a namespace or a lone *',
  ],
  [
    'a lone * as ServiceAccount',
    subject({ ...WORKLOAD, serviceAccount: '*' }),
    subject({ ...WORKLOAD, serviceAccount: '**' }),
    'spec.subject.serviceAccount: must be the name of a ServiceAccount or a lone *',
  ],
  [
    'a ServiceAccount with legal characters',
    subject({ ...WORKLOAD, serviceAccount: 'a.b-c' }),
    subject({ ...WORKLOAD, serviceAccount: 'a/b' }),
    'spec.subject.serviceAccount: must be the name of a ServiceAccount or a lone *',
  ],
  [
    'a lone * in a claim',
    subject({ issuer: 'ci', claims: { ref: '*' } }),
    subject({ issuer: 'ci', claims: { ref: 'refs/heads/*' } }),
    'spec.subject.claims.ref: must be an exact value or a lone *',
  ],
  [
    'at least one claim',
    subject({ issuer: 'ci', claims: { ref: 'a' } }),
    subject({ issuer: 'ci', claims: {} }),
    'spec.subject.claims: must name at least one claim',
  ],
  [
    'an exact SPIFFE ID',
    subject({ issuer: 'ci', spiffeId: 'spiffe://a.example/b' }),
    subject({ issuer: 'ci', spiffeId: 'spiffe://a.example/*' }),
    'spec.subject.spiffeId: must be one exact SPIFFE ID with a path',
  ],
  [
    'binding with a workload',
    subject({ ...WORKLOAD, binding: 'pod' }),
    subject({ issuer: 'ci', claims: { a: 'b' }, binding: 'pod' }),
    'spec.subject.binding: is only for a subject with namespace and serviceAccount',
  ],
  [
    'a target',
    MESH,
    { ...MESH, target: {} },
    'spec.target: must have exactly one of aws, gcp, azure, oauth, jwtSvid, x509Svid',
  ],
  [
    'one target',
    CLOUD,
    { ...CLOUD, target: { ...AWS, ...SVID } },
    'spec.target: must have exactly one of aws, gcp, azure, oauth, jwtSvid, x509Svid',
  ],
  ['intents for AWS', CLOUD, { ...CLOUD, intents: undefined }, 'spec.intents: is required for a cloud target'],
  [
    'intents for GCP',
    { ...CLOUD, target: GCP },
    { ...CLOUD, target: GCP, intents: undefined },
    'spec.intents: is required for a cloud target',
  ],
  [
    'no empty list of intents',
    { ...CLOUD, intents: INTENTS },
    { ...CLOUD, intents: [] },
    'spec.intents: too small: expected array to have >=1 items',
  ],
  [
    'a default ttl up to max',
    { ...MESH, ttl: { default: '60m', max: '1h' } },
    { ...MESH, ttl: { default: '61m', max: '1h' } },
    'spec.ttl.default: must not be above max',
  ],
  [
    'a default ttl up to the hour that max is by itself',
    { ...MESH, ttl: { default: '3600s' } },
    { ...MESH, ttl: { default: '3601s' } },
    'spec.ttl.default: must not be above max',
  ],
  [
    'an end of mode report',
    { ...MESH, mode: 'report', until: '2026-12-01T00:00:00Z' },
    { ...MESH, mode: 'report' },
    'spec.until: belongs to mode: report, which needs it',
  ],
  [
    'an end of no other mode',
    { ...MESH, mode: 'shadow' },
    { ...MESH, mode: 'shadow', until: '2026-12-01T00:00:00Z' },
    'spec.until: belongs to mode: report, which needs it',
  ],
  [
    'an end of mode report within 30 days',
    { ...MESH, mode: 'report', until: '2026-12-22T09:00:00Z' },
    { ...MESH, mode: 'report', until: '2026-12-22T09:00:01Z' },
    'spec.until: must be at most 30 days ahead',
  ],
  [
    'acceptance of the ttl of an assertion',
    assertion(['ttl'], 'unrestricted'),
    assertion(['intents'], 'unrestricted'),
    'spec.residual.accept: must hold ttl when an assertion is delivered',
  ],
  [
    'acceptance of the reach of an assertion',
    assertion(['ttl', 'intents'], INTENTS),
    assertion(['ttl'], INTENTS),
    'spec.residual.accept: must hold intents when an assertion is delivered, unless they are unrestricted',
  ],
  [
    'no assertion in place of an SVID',
    { ...MESH, deliver: 'credentials' },
    { ...assertion(['ttl'], 'unrestricted'), target: SVID },
    'spec.deliver: must not be assertion for an SVID, which is delivered as it is',
  ],
  [
    'a reason for a residue',
    { ...CLOUD, residual: { accept: ['ttl'], reason: 'x' } },
    { ...CLOUD, residual: { accept: ['ttl'] } },
    'spec.residual.reason: is required',
  ],
  [
    'addresses without blanks',
    { ...MESH, addresses: ['archive'] },
    { ...MESH, addresses: ['the archive'] },
    'spec.addresses[0]: must be visible ASCII without blanks',
  ],
  [
    'just-in-time access or standing',
    { ...MESH, access: { justInTime: JUST_IN_TIME } },
    { ...MESH, access: { justInTime: JUST_IN_TIME, standing: {} } },
    'spec.access.standing: is not a known field',
  ],
  [
    'one to five approvals',
    justInTime({ approvals: 5 }),
    justInTime({ approvals: 6 }),
    'spec.access.justInTime.approvals: too big: expected number to be <=5',
  ],
  [
    'somebody who approves',
    justInTime({ approvers: ['leads', 'alice'] }),
    justInTime({ approvers: [] }),
    'spec.access.justInTime.approvers: too small: expected array to have >=1 items',
  ],
  [
    'each approver once',
    justInTime({ approvers: ['leads', 'alice'] }),
    justInTime({ approvers: ['leads', 'leads'] }),
    'spec.access.justInTime.approvers: must not name anybody twice',
  ],
  [
    'access for a day at most',
    justInTime({ maxDuration: '24h' }),
    justInTime({ maxDuration: '25h' }),
    'spec.access.justInTime.maxDuration: must be at most 24h',
  ],
  [
    'a known field of just-in-time access',
    justInTime({ breakGlass: { group: 'on-call' } }),
    justInTime({ breakglass: { group: 'on-call' } }),
    'spec.access.justInTime.breakglass: is not a known field',
  ],
  [
    'an assertion where access is standing',
    assertion(['ttl'], 'unrestricted'),
    { ...assertion(['ttl'], 'unrestricted'), access: { justInTime: JUST_IN_TIME } },
    'spec.deliver: must not be assertion with just-in-time access',
  ],
];

describe('federationMappingSpec', () => {
  test('allows an OAuth server under http on loopback under development, and nowhere else (V12)', () => {
    const of = (issuer: string) => ({ ...CLOUD, target: { oauth: { issuer } } });
    expect(faultsOf('FederationMapping', of('http://127.0.0.1:8200'), { development: true })).toEqual([]);
    const fault = ['spec.target.oauth.issuer: must be https'];
    expect(faultsOf('FederationMapping', of('http://127.0.0.1:8200'))).toEqual(fault);
    expect(faultsOf('FederationMapping', of('http://as.example.org'), { development: true })).toEqual(fault);
  });

  test.each(RULES)('asks for %s', (_, good, bad, fault) => {
    expect(faultsOf('FederationMapping', good)).toEqual([]);
    expect(faultsOf('FederationMapping', bad)).toEqual([fault]);
  });

  test('reports a rule between fields although a single field beside them is wrong', () => {
    expect(faultsOf('FederationMapping', { ...CLOUD, owner: 5, intents: undefined, mode: 'report' })).toEqual([
      'spec.owner: must be a string',
      'spec.intents: is required for a cloud target',
      'spec.until: belongs to mode: report, which needs it',
    ]);
  });
});

describe('guardrailSpec', () => {
  test.each([
    ['an effect', { maxTtl: '1h' }, { message: 'x' }, 'spec: must have an effect'],
    ['a text to deny by', { deny: 'true' }, { deny: true }, 'spec.deny: must be a string'],
    [
      'a selector that selects',
      { deny: 'true', match: { issuerLabels: { a: 'b' } } },
      { deny: 'true', match: { issuerLabels: {} } },
      'spec.match.issuerLabels: must name at least one label',
    ],
    [
      'a lone * as namespace',
      { deny: 'true', match: { namespace: '*' } },
      { deny: 'true', match: { namespace: 'a*' } },
      'spec.match.namespace: must be the name of a namespace or a lone *',
    ],
    [
      'known targets',
      { deny: 'true', match: { targets: ['aws'] } },
      { deny: 'true', match: { targets: ['awz'] } },
      'spec.match.targets[0]: must be one of aws, gcp, azure, oauth, jwtSvid, x509Svid',
    ],
    [
      'names of mappings, also namespaced ones',
      { deny: 'true', match: { mappings: ['a.b'] } },
      { deny: 'true', match: { mappings: ['a.b.c'] } },
      'spec.match.mappings[0]: must be the name of a mapping',
    ],
    [
      'known fields',
      { requirePodBound: true },
      { requirePodBound: true, requirePodBind: true },
      'spec.requirePodBind: is not a known field',
    ],
  ])('asks for %s', (_, good, bad, fault) => {
    expect(faultsOf('Guardrail', good)).toEqual([]);
    expect(faultsOf('Guardrail', bad)).toEqual([fault]);
  });
});
