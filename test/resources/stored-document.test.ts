import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fileReferences } from '../../src/resources/file-references.ts';
import { documentFromLine, documentLine } from '../../src/resources/stored-document.ts';
import { onlyDocument, read, resource } from './reading.ts';

const CONTRACT = join(import.meta.dirname, '../fixtures/contract/resources');

describe('documentLine', () => {
  test.each(['issuers.yaml', 'mappings.yaml', 'guardrails.yaml'])('keeps all that a document of %s says', (file) => {
    const { documents } = read(readFileSync(join(CONTRACT, file), 'utf8'));
    for (const document of documents) {
      if (!document.valid) throw new Error('faulty');
      const again = documentFromLine(documentLine(document));
      expect({ ...again, source: undefined }).toEqual({ ...document, source: undefined });
      expect(again?.source.baseDirectory).toBe(document.source.baseDirectory);
      expect(again === undefined ? '' : documentLine(again)).toBe(documentLine(document));
    }
  });

  test.each([
    '',
    'null',
    '{',
    '[]',
    '{"kind":"Guardrail"}',
    '{"kind":"Guardrail","name":"x","labels":{},"source":"a","spec":{"maxTtl":"1"}}',
  ])('gives nothing for %s', (line) => {
    expect(documentFromLine(line)).toBeUndefined();
  });
});

describe('fileReferences', () => {
  test('names every field that names a file, and no claim that is called like one', () => {
    const spec = (keys: object, oidc = {}) => ({ issuer: 'https://a.example', audiences: ['a'], keys, oidc });
    const discovery = { caFile: './ca', bearerTokenFile: '/token' };
    const document = onlyDocument(resource('TrustedIssuer', spec({ discovery }, { requireClaims: { caFile: 'x' } })));
    if (!document.valid) throw new Error('faulty');
    expect(fileReferences(document)).toEqual([
      { path: ['spec', 'keys', 'discovery', 'caFile'], content: 'certificates', file: './ca' },
      { path: ['spec', 'keys', 'discovery', 'bearerTokenFile'], content: 'secret', file: '/token' },
    ]);
  });
});
