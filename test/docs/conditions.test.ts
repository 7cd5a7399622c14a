import { describe, expect, test } from 'vitest';
import { compile } from '../../src/policy/compile.ts';
import { CelConditions } from '../../src/policy/conditions/cel-conditions.ts';
import { MAX_COST, MAX_ITEMS, MAX_MATCHED } from '../../src/policy/conditions/cost.ts';
import { FUNCTIONS } from '../../src/policy/conditions/functions.ts';
import { isRecord, typeText } from '../../src/policy/conditions/types.ts';
import { VARIABLES } from '../../src/policy/conditions/variables.ts';
import { readDocuments } from '../../src/resources/read-documents.ts';
import { cluster, NOW } from '../support/policy-builders.ts';
import { page, tableRows } from './markdown.ts';

const text = page('docs/conditions.md');
const blocks = (language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, block = '']) => block);

describe('docs/conditions.md', () => {
  test('shows documents that load without fault or warning', () => {
    const origin = { id: '/etc/carnet/a.yaml', baseDirectory: '/etc/carnet' };
    const { documents, faults } = readDocuments(blocks('yaml').join(''), origin, { development: false, now: NOW });
    const compiled = compile({
      documents: [cluster('prod-eu', { env: 'prod' }), ...documents],
      firstSeen: () => undefined,
      lastGood: [],
      context: { trustDomain: 'example.org', ownIssuers: [], requireGrants: false },
      conditions: new CelConditions(),
    });
    expect([...faults, ...compiled.faults]).toEqual([]);
    expect(compiled.accepted).toHaveLength(3);
  });

  test.each(blocks('cel'))('shows a condition: %s', (block) => {
    expect(new CelConditions().compile(block)).toMatchObject({ ok: true });
  });

  test('lists exactly the variables that there are, with their types', () => {
    const listed = tableRows(text, '| variable | type | what it is |').map(([name, type]) => `${name}: ${type}`);
    const known = Object.entries(VARIABLES).flatMap(([variable, type]) =>
      Object.entries(isRecord(type) ? type.record : {}).map(([field, of]) => `${variable}.${field}: ${typeText(of)}`),
    );
    expect(listed).toEqual(known);
  });

  test('lists exactly the functions that there are', () => {
    const listed = tableRows(text, '| function | |').flatMap(([names = '']) => names.split(' '));
    const functions = [...FUNCTIONS.keys()].filter((name) => /^[a-z]/.test(name));
    expect(listed.toSorted()).toEqual([...functions, 'has', 'exists', 'all', 'exists_one'].toSorted());
  });

  test('names the limits that there are', () => {
    for (const limit of [MAX_COST, MAX_ITEMS, MAX_MATCHED]) expect(text).toContain(limit.toLocaleString('en-US'));
  });
});
