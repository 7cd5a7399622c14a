import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { run } from '../../src/cli/program.ts';
import { FakeSurroundings } from './fake-surroundings.ts';
import { CARNET_YAML, installation } from './temporary-installation.ts';

const GUARDRAIL = `apiVersion: carnet.dev/v1alpha1
kind: Guardrail
metadata: { name: two-hours-at-most }
spec:
  maxTtl: 2h
`;

async function check(files: Record<string, string>, args: readonly string[] = []) {
  const around = new FakeSurroundings({ workingDirectory: installation(files) });
  const exitCode = await run(['check', ...args], around);
  return { exitCode, out: around.stdout, err: around.stderr };
}

describe('carnet check', () => {
  test('finds no error in the contract and lists what is doubtful as warnings', async () => {
    const config = join(import.meta.dirname, '../fixtures/contract/carnet.yaml');
    const { exitCode, out } = await check({}, ['--config', config]);
    expect(exitCode).toBe(0);
    expect(out).toMatch(/https:\/\/10\.7\.0\.1:6443 .*outbound\.allowOrigins/);
    expect(out).toContain(' 0 errors, ');
  });

  test('names file and line, document, field, fault and hint, and ends with 1', async () => {
    const resources = GUARDRAIL.replace('maxTtl', 'maxTTL');
    const { exitCode, out } = await check({ 'carnet.yaml': CARNET_YAML, 'resources/limits.yaml': resources });
    expect(exitCode).toBe(1);
    expect(out).toMatch(
      /^error +resources\/limits\.yaml:5 +Guardrail\/two-hours-at-most +spec\.maxTTL +is not a known field \(.*maxTtl.*\)$/m,
    );
    expect(out).toMatch(/\n1 documents, [1-9] errors, 0 warnings\n$/);
  });

  test('names the place in a condition that is wrong, in the line of its field', async () => {
    const resources = GUARDRAIL.replace('maxTtl: 2h', 'deny: identity.podd == "" || request.time.getHours() > 22');
    const { exitCode, out } = await check({ 'carnet.yaml': CARNET_YAML, 'resources/limits.yaml': resources });
    expect(exitCode).toBe(1);
    expect(out).toMatch(/limits\.yaml:5 .*spec\.deny +column 10: has no field podd \(did you mean pod\?\)$/m);
    const block = GUARDRAIL.replace(
      'maxTtl: 2h',
      'deny: |\n    identity.pod == "" ||\n    request.tme == request.time',
    );
    const second = await check({ 'carnet.yaml': CARNET_YAML, 'resources/limits.yaml': block });
    expect(second.out).toMatch(/spec\.deny +line 2, column 9: has no field tme \(did you mean time\?\)$/m);
  });

  test('finds the same faults as JSON', async () => {
    const files = { 'carnet.yaml': CARNET_YAML, 'resources/limits.yaml': GUARDRAIL.replace('2h', 'two hours') };
    const { exitCode, out } = await check(files, ['-o', 'json']);
    expect(exitCode).toBe(1);
    const report = JSON.parse(out);
    expect(report).toMatchObject({ documents: 1, errors: report.faults.length, warnings: 0 });
    expect(report.faults).toContainEqual(expect.objectContaining({ line: 5, field: 'spec.maxTtl', severity: 'error' }));
  });

  test('finds what is wrong between documents', async () => {
    const twice = { 'resources/a.yaml': GUARDRAIL, 'resources/b.yaml': GUARDRAIL };
    const { exitCode, out } = await check({ 'carnet.yaml': CARNET_YAML, ...twice });
    expect(exitCode).toBe(1);
    expect(out).toContain('resources/a.yaml');
    expect(out).toContain('resources/b.yaml');
  });

  test('checks the files that are named, without a configuration where there is none', async () => {
    const { exitCode, out } = await check({ 'new.yaml': GUARDRAIL }, ['new.yaml']);
    expect(exitCode).toBe(0);
    expect(out).toBe('1 documents, 0 errors, 0 warnings\n');
  });

  test('warns about a CI job that is told apart by names alone, and about nothing when it is by an id', async () => {
    const both = (claims: string) => `apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: github }
spec:
  issuer: https://token.actions.githubusercontent.com
  audiences: [https://sts.example.org]
  keys: { discovery: {} }
  oidc: {}
---
apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: deploy }
spec:
  owner: shop@example.org
  subject: { issuer: github, claims: { ${claims}, environment: production } }
  target: { aws: { roleArn: "arn:aws:iam::123456789012:role/deploy", region: eu-west-1 } }
  intents: unrestricted
  ttl: { default: 15m, max: 30m, outliveSubject: true }
`;
    const warned = await check({ 'new.yaml': both('repository: acme/shop') }, ['new.yaml']);
    expect(warned.exitCode).toBe(0);
    expect(warned.out).toMatch(
      /^warning +new\.yaml:15 +FederationMapping\/deploy +spec\.subject\.claims +pins no id of GitHub Actions .*repository_id/m,
    );
    const { out } = await check({ 'new.yaml': both('repository_id: "987654"') }, ['new.yaml']);
    expect(out).toBe('2 documents, 0 errors, 0 warnings\n');
  });

  test('judges keys of the own cluster wherever it runs, and names the origin to list (K12)', async () => {
    const text = `apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: own }
spec:
  issuer: https://kubernetes.default.svc.cluster.local
  audiences: [https://sts.example.org]
  keys: { inCluster: {} }
  kubernetes: {}
`;
    const { exitCode, out } = await check({ 'new.yaml': text }, ['new.yaml']);
    expect(exitCode).toBe(0);
    expect(out).toMatch(/https:\/\/kubernetes\.default\.svc is a private address that outbound\.allowOrigins lacks/);
    expect(out).toContain('1 documents, 0 errors, 1 warnings');
  });

  test('names the private origin of an OAuth server that has to be listed, and no public one', async () => {
    const mapping = (issuer: string) => `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: vault }
spec:
  owner: team@example.org
  subject: { issuerSelector: { env: prod }, namespace: payments, serviceAccount: reporter }
  target: { oauth: { issuer: '${issuer}' } }
  intents: unrestricted
`;
    const { out } = await check({ 'new.yaml': mapping('https://bao.vault.svc:8200/v1') }, ['new.yaml']);
    const message = 'https://bao.vault.svc:8200 is a private address that outbound.allowOrigins lacks';
    expect(out).toContain(message);
    expect(out).toMatch(/new\.yaml:7 +FederationMapping\/vault +spec\.target\.oauth\.issuer +https/);
    const listed = `${CARNET_YAML}outbound: { allowOrigins: ['https://bao.vault.svc:8200'] }\n`;
    const files = { 'carnet.yaml': listed, 'resources/new.yaml': mapping('https://bao.vault.svc:8200/v1') };
    expect((await check(files)).out).not.toContain(message);
    expect((await check({ 'new.yaml': mapping('https://bao.example.org') }, ['new.yaml'])).out).not.toContain(
      'allowOrigins',
    );
  });

  test('takes a named file that does not exist for an error', async () => {
    const { exitCode, out } = await check({ 'carnet.yaml': CARNET_YAML }, ['missing.yaml']);
    expect(exitCode).toBe(1);
    expect(out).toContain('missing.yaml');
  });

  test('ends with 78 and all faults when the configuration itself is bad', async () => {
    const bad = CARNET_YAML.replace('trustDomain: example.org', 'trustDomian: example.org').replace('8080', 'x');
    const { exitCode, out, err } = await check({ 'carnet.yaml': bad });
    expect(exitCode).toBe(78);
    expect(out).toBe('');
    expect(err).toContain('trustDomian');
    expect(err).toContain('trustDomain');
  });

  test.each([[[]], [['--config', 'absent.yaml']], [['--config', 'absent.yaml', 'new.yaml']]])(
    'ends with 78 when there is no configuration: %j',
    async (args) => {
      const { exitCode, err } = await check({ 'new.yaml': GUARDRAIL }, args);
      expect(exitCode).toBe(78);
      expect(err).toContain('ENOENT');
    },
  );
});
