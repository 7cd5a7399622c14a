import type { Allowed, Ask } from '../../src/core/decision.ts';
import { decide, decideAloud } from '../../src/policy/decide.ts';
import type { Document } from '../../src/resources/document.ts';
import { answer, ask, awsMapping, cluster, compiled, NOW, ROLE, snapshotOf, workload } from './policy-builders.ts';

export const PROD = cluster('prod-eu', { env: 'prod' });
export const PROVIDER =
  '//iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/carnet/providers/carnet';
export const ACCOUNT = 'archive@acme.iam.gserviceaccount.com';
export const TENANT = '11111111-1111-1111-1111-111111111111';
export const CLIENT = '22222222-2222-2222-2222-222222222222';
export const STORAGE = 'https://storage.azure.com/.default';
export const PLATFORM = 'https://www.googleapis.com/auth/cloud-platform';
export const READ = { allow: 'object.read', resource: { bucket: 'reports', prefix: '2026/' } };
export const SECRET = { allow: 'secret.read', resource: { secret: 'db' } };
export const PULL = { allow: 'image.pull', resource: { repository: 'acme5.azurecr.io/app' } };
export const BOTH = { accept: ['intents', 'ttl'], reason: 'the account holds nothing else' };
export const TTL = { accept: ['ttl'], reason: 'the target takes no lifetime' };
export const NOT_HELD = 'target_denied intents_not_enforceable';
export const TOO_SHORT = 'target_denied ttl_below_target_minimum';

export const aws = (changes: object = {}) => ({ aws: { roleArn: ROLE, region: 'eu-west-1', ...changes } });
export const gcp = (changes: object = {}) => ({ gcp: { provider: PROVIDER, serviceAccount: ACCOUNT, ...changes } });
export const azure = (changes: object = {}) => ({
  azure: { tenant: TENANT, clientId: CLIENT, scopes: [STORAGE], ...changes },
});
export const oauth = (changes: object = {}) => ({ oauth: { issuer: 'https://as.example.org', ...changes } });

/** A mapping `m` that only these respects describe. */
export function mapping(changes: object): Document {
  return awsMapping('m', changes);
}

export function decided(changes: object, wish: Partial<Ask> = {}, ...others: readonly Document[]): string {
  return answer(snapshotOf(PROD, mapping(changes), ...others), workload(), ask('m', wish));
}

export function allowed(changes: object, wish: Partial<Ask> = {}, ...others: readonly Document[]): Allowed {
  const decision = decide(snapshotOf(PROD, mapping(changes), ...others), workload(), ask('m', wish), NOW);
  if (decision.outcome !== 'allowed') throw new Error(`${decision.reason}: ${decision.detail}`);
  return decision;
}

export function step(changes: object, name: string, wish: Partial<Ask> = {}): string | undefined {
  const { steps } = decideAloud(snapshotOf(PROD, mapping(changes)), workload(), ask('m', wish), NOW);
  return steps.find((one) => one.step === name)?.detail;
}

export function faults(changes: object): readonly string[] {
  return compiled([PROD, mapping(changes)]).faults.map(
    ({ severity, field, message }) => `${severity} ${field}: ${message}`,
  );
}
