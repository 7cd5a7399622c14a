import { describe, expect, test } from 'vitest';
import { compile } from '../../src/policy/compile.ts';
import { type Intent, intents } from '../../src/resources/intents.ts';
import { readDocuments } from '../../src/resources/read-documents.ts';
import { compileAwsIntents } from '../../src/resources/targets/aws-intents.ts';
import { awsOf, intended } from '../support/compiling.ts';
import { cluster, NOW } from '../support/policy-builders.ts';
import { page, tableRows } from './markdown.ts';

const text = page('docs/intents.md');
const blocks = [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, block = '']) => block);

/** A resource of each intent that AWS has. */
const EXAMPLES: Readonly<Record<Intent['allow'], readonly string[]>> = {
  'object.read': ['reports'],
  'object.write': ['reports'],
  'object.list': ['reports'],
  'object.delete': ['reports'],
  'queue.publish': ['orders', 'arn:aws:sns:eu-west-1:123456789012:news'],
  'queue.consume': ['orders'],
  'secret.read': ['db'],
  'key.encrypt': ['mrk-0123456789abcdef0123456789abcdef'],
  'key.decrypt': ['mrk-0123456789abcdef0123456789abcdef'],
  'image.pull': ['app'],
};

function actionsOf(allow: string, resource: string): readonly string[] {
  const { narrowing } = compileAwsIntents(awsOf(), intended(`${allow}:${resource}`));
  if (narrowing?.kind !== 'aws' || narrowing.policy === undefined) throw new Error('no policy');
  const { Statement } = JSON.parse(narrowing.policy) as { Statement: { Action: string[] }[] };
  return Statement.flatMap(({ Action }) => Action);
}

describe('docs/intents.md', () => {
  test.each([0, 1])('shows block %i as a mapping that loads without fault or warning', (at) => {
    const origin = { id: '/etc/carnet/a.yaml', baseDirectory: '/etc/carnet' };
    const { documents, faults } = readDocuments(blocks[at] ?? '', origin, { development: false, now: NOW });
    const context = { trustDomain: 'example.org', ownIssuers: [], requireGrants: false };
    const all = [cluster('prod-eu'), ...documents];
    const compiled = compile({ documents: all, firstSeen: () => undefined, lastGood: [], context });
    expect([...faults, ...compiled.faults]).toEqual([]);
    expect(compiled.accepted).toHaveLength(2);
  });

  test('lists exactly the actions that AWS is told of each intent', () => {
    const rows = tableRows(text, '| intent | actions | resource |');
    const listed = rows.map(([allow = '', actions = '', resource = '']) => [
      allow,
      [...`${actions} ${resource}`.matchAll(/[a-z0-9]+:[A-Za-z]+/g)].map(([action]) => action).sort(),
    ]);
    const told = Object.entries(EXAMPLES).map(([allow, resources]) => [
      allow,
      resources.flatMap((resource) => actionsOf(allow, resource)).sort(),
    ]);
    expect(listed).toEqual(told);
  });

  test('knows every intent that there is', () => {
    const known = Object.keys(EXAMPLES).filter((allow) =>
      ['bucket', 'queue', 'secret', 'key', 'repository'].some(
        (field) => intents.safeParse([{ allow, resource: { [field]: 'reports' } }]).success,
      ),
    );
    expect(known).toHaveLength(10);
    for (const allow of known) expect(text).toContain(allow);
  });
});
