import type { Attributes } from '../../src/policy/conditions/condition.ts';
import { NOW } from './policy-builders.ts';

/** Attributes of a pod of prod-eu that asks for a role for an hour. */
export const ATTRIBUTES: Attributes = {
  identity: {
    issuer: 'prod-eu',
    kind: 'kubernetes',
    cluster: 'prod-eu',
    namespace: 'payments',
    serviceAccount: 'reporter',
    pod: 'reporter-0',
    node: '',
    uid: '11111111-1111-1111-1111-111111111111',
    spiffeId: 'spiffe://example.org/cluster/prod-eu/ns/payments/sa/reporter',
    claims: {},
    liveness: 'not_asked',
  },
  issuer: { name: 'prod-eu', labels: { env: 'prod' } },
  request: { time: NOW, ttl: 3600, scope: '' },
  target: { kind: 'aws', id: 'arn:aws:iam::123456789012:role/reports' },
};
