import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile } from '../../src/policy/compile.ts';
import { readDocuments } from '../../src/resources/read-documents.ts';
import { CloudIssuer } from '../federation/cloud-issuer.ts';
import { oauthTargetFor } from '../federation/oauth-fixture.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { page, tableRows } from './markdown.ts';

const root = join(import.meta.dirname, '../..');
const text = page('docs/adding-a-target.md');
/** Blocks of code behind the name of the file that they stand in. */
const excerpts = [...text.matchAll(/^ *`([\w/.-]+)`(?:, [\w ]+)?:\n\n *```ts\n(.*?)^ *```$/gms)].map(
  ([, file = '', code = '']) => [file, code] as const,
);

/** Without the indentation of lines, which is the page's own. */
function flat(code: string): string {
  return code
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('\n');
}

function block(language: string): string {
  return new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(text)?.[1] ?? '';
}

describe('docs/adding-a-target.md', () => {
  test('shows code of six files', () => {
    expect(new Set(excerpts.map(([file]) => file)).size).toBe(6);
  });

  test.each(excerpts)('shows what stands in %s, line for line', (file, code) => {
    expect(flat(code).length).toBeGreaterThan(20);
    expect(flat(readFileSync(join(root, file), 'utf8'))).toContain(flat(code));
  });

  test('names for the pure half files that know the kinds of targets', () => {
    const files = tableRows(text, '| file | what to add |').map(([file = '']) => file);
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) expect(readFileSync(join(root, file), 'utf8'), file).toMatch(/'(oauth|aws)'|oauthTarget/);
  });

  test('has a mapping without fault', () => {
    const issuer = `apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: prod-eu }
spec: { issuer: 'https://k8s.example.org', audiences: ['https://sts.example.org'], keys: { discovery: {} }, kubernetes: {} }
---
`;
    const origin = { id: '/etc/carnet/a.yaml', baseDirectory: '/etc/carnet' };
    const reading = { development: false, now: new FakeClock().now() };
    const { documents, faults } = readDocuments(issuer + block('yaml'), origin, reading);
    const context = { trustDomain: 'example.org', ownIssuers: [], requireGrants: false };
    const compiled = compile({ documents, firstSeen: () => undefined, lastGood: [], context });
    expect([...faults, ...compiled.faults].filter(({ severity }) => severity !== 'warning')).toEqual([]);
    expect(documents).toHaveLength(2);
  });

  test('shows the claims that such a server gets', async () => {
    const issuer = await CloudIssuer.start();
    const { issue, close } = oauthTargetFor(issuer, 'https://login.example.org', new FakeClock());
    await issue({ deliver: 'assertion' });
    const [signed] = issuer.signed;
    const shown = JSON.parse(block('json'));
    expect(Object.keys(shown).sort()).toEqual(['iss', ...Object.keys(signed ?? {})].sort());
    expect(shown).toMatchObject({ sub: signed?.['sub'], aud: signed?.['aud'], iat: signed?.['iat'] });
    expect([shown.nbf, shown.exp]).toEqual([shown.iat, shown.iat + 300]);
    await Promise.all([close(), issuer.close()]);
  });

  test('lists the codes by which a server refuses, and none beside them', () => {
    const source = readFileSync(join(root, 'src/federation/oauth/oauth-failure.ts'), 'utf8');
    const [, list = ''] = /const DENIED.*?\[(.*?)\]/s.exec(source) ?? [];
    const codes = [...list.matchAll(/'(\w+)'/g)].map(([, code]) => code);
    const [, shown = ''] = /^ *\| (`access_denied`[^|]*) in a 4xx \|/m.exec(text) ?? [];
    expect([...shown.matchAll(/`(\w+)`/g)].map(([, code]) => code)).toEqual(codes);
    expect(codes.length).toBeGreaterThan(5);
  });
});
