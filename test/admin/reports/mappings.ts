import type { MappingFacts } from '../../../src/admin/reports/mapping-facts.ts';
import { Usage } from '../../../src/admin/reports/usage.ts';
import type { AuditRecord, RecordedGrant } from '../../../src/audit/record.ts';
import { SPEC_SCHEMAS } from '../../../src/resources/resource-schemas.ts';
import { NOW, recordOf } from '../trail/records.ts';

const ROLE = { roleArn: 'arn:aws:iam::111122223333:role/reports', region: 'eu-west-1' };

/** A mapping for every ServiceAccount of namespace payments, as its document says. */
export function mapping(name: string, spec: object = {}, more: Partial<MappingFacts> = {}): MappingFacts {
  const subject = { issuer: 'eu-1', namespace: 'payments', serviceAccount: '*' };
  const whole = { owner: 'a@example.org', subject, target: { aws: ROLE }, intents: 'unrestricted', ...spec };
  return { name, labels: {}, state: 'in-force', spec: SPEC_SCHEMAS.FederationMapping.parse(whole), ...more };
}

const GRANT: RecordedGrant = {
  target: ROLE.roleArn,
  ttl: 3600,
  enforcedBy: [],
  kind: 'aws',
  deliver: 'credentials',
};

/** `count` requests that a mapping allowed, newest first, so many seconds apart. */
export function asks(count: number, { every = 3600, mapping = 'mesh', ...more }: Asks = {}): readonly AuditRecord[] {
  return Array.from({ length: count }, (_, index) =>
    recordOf('allowed', { at: NOW - index * every * 1000, mapping, grant: GRANT, ...more }),
  );
}

type Asks = Parameters<typeof recordOf>[1] & { readonly every?: number };

export function usageOf(records: readonly AuditRecord[]): Usage {
  const usage = new Usage();
  for (const record of records) usage.add(record);
  return usage;
}
