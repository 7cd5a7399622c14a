import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { resourceJsonSchema } from '../../src/resources/json-schema.ts';
import { yamlDocuments } from '../../src/resources/yaml-documents.ts';

const { Ajv2020 } = createRequire(import.meta.url)('ajv/dist/2020.js');
const accepts: (value: unknown) => boolean = new Ajv2020({ strict: false, validateFormats: false }).compile(
  resourceJsonSchema(),
);
const CONTRACT = join(import.meta.dirname, '../fixtures/contract/resources');
const values = ['issuers.yaml', 'mappings.yaml', 'guardrails.yaml'].flatMap((file) =>
  yamlDocuments(readFileSync(join(CONTRACT, file), 'utf8')).documents.map(({ value }) =>
    JSON.parse(JSON.stringify(value)),
  ),
);

describe('resourceJsonSchema', () => {
  test('accepts every document of the contract', () => {
    expect(values).toHaveLength(12);
    for (const value of values) expect(accepts(value)).toBe(true);
  });

  test.each([
    ['a field more in spec', (value: { spec: object }) => Object.assign(value.spec, { unheardOf: 1 })],
    ['a field more beside spec', (value: object) => Object.assign(value, { status: {} })],
    ['another version', (value: object) => Object.assign(value, { apiVersion: 'carnet.dev/v2' })],
    ['an unknown kind', (value: object) => Object.assign(value, { kind: 'Issuer' })],
    ['no name', (value: object) => Object.assign(value, { metadata: {} })],
    ['a name in capitals', (value: object) => Object.assign(value, { metadata: { name: 'A' } })],
  ])('refuses the same documents with %s', (_, spoil) => {
    for (const value of values) {
      const spoilt = structuredClone(value);
      spoil(spoilt);
      expect(accepts(spoilt)).toBe(false);
    }
  });

  test('says what fields are for, and which may be left out', () => {
    const text = JSON.stringify(resourceJsonSchema());
    expect(text).toContain('Name of a TrustedIssuer.');
    const mapping = values.find((value) => value.metadata.name === 'mesh');
    expect(accepts({ ...mapping, spec: { ...mapping.spec, mode: undefined } })).toBe(true);
  });
});
