import { describe, expect, test } from 'vitest';
import { documentText } from '../../src/resources/document-text.ts';
import { yamlDocuments } from '../../src/resources/yaml-documents.ts';

describe('documentText', () => {
  test('is YAML as people write it', () => {
    expect(documentText({ spec: { owner: 'zoë@example.org', list: ['on', '1'] } })).toBe(
      '---\nspec:\n  owner: zoë@example.org\n  list:\n    - "on"\n    - "1"\n',
    );
  });

  test.each([
    ['a mark that turns the direction of a text', 'a\u202eb'],
    ['a control sequence of one character', 'a\u009b31mb'],
    ['a delete', 'a\u007f'],
    ['an escape', 'a\u001b[31m'],
    ['a line separator', 'a\u2028b'],
    ['a byte order mark', '\ufeffa'],
    ['a tag beyond the first plane', 'a\u{e0041}'],
    ['a character that is none', 'a\uffff'],
  ])('shows %s as an escape, and is read as the same', (_, owner) => {
    const text = documentText({ spec: { owner } });
    expect(text).toMatch(/^[\n\x20-\x7e]*$/);
    const [document] = yamlDocuments(text).documents;
    expect([document?.faults, document?.value]).toEqual([[], { spec: { owner } }]);
  });
});
