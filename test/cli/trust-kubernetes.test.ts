import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { run } from '../../src/cli/program.ts';
import { loopbackCertificate } from '../support/certificate-authority.ts';
import { FakeSurroundings } from './fake-surroundings.ts';
import { CARNET_YAML, installation } from './temporary-installation.ts';

const PRODUCTION = `issuer: https://sts.example.org
trustDomain: example.org
listeners:
  public: { host: 127.0.0.1, port: 8081 }
  workload: { host: 127.0.0.1, port: 8082, url: https://sts.internal.example.org }
  admin: { host: 127.0.0.1, port: 8083 }
resources: [./resources]
store: { sqlite: { path: ./var/carnet.db } }
signing: { encryptionKeyFile: ./kek }
audit: { directory: ./audit }
`;
const AUDIENCE = 'https://kube.prod-eu.example.org';
const DISCOVERY = 'https://10.0.0.5:8443/svid/.well-known/openid-configuration';

async function trust(files: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const folder = installation({ 'carnet.yaml': PRODUCTION, ...files });
  const around = new FakeSurroundings({ workingDirectory: folder });
  const exitCode = await run(['trust', 'kubernetes', ...args], around);
  return { exitCode, out: around.stdout, err: around.stderr, folder };
}

describe('carnet trust kubernetes (KEP-3331, K37)', () => {
  test('prints an AuthenticationConfiguration for the SVID issuer, one audience and the trust domain', async () => {
    const { exitCode, out, err } = await trust({}, '--audience', AUDIENCE);
    expect([exitCode, err]).toEqual([0, '']);
    expect(parse(out)).toEqual({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'AuthenticationConfiguration',
      jwt: [
        {
          issuer: { url: 'https://sts.example.org/svid', audiences: [AUDIENCE], audienceMatchPolicy: 'MatchAny' },
          claimValidationRules: [
            { expression: 'claims.exp - claims.iat <= 3600', message: expect.any(String) },
            { expression: "claims.sub.startsWith('spiffe://example.org/')", message: expect.any(String) },
            { expression: `claims.aud == '${AUDIENCE}'`, message: expect.any(String) },
          ],
          claimMappings: {
            username: { expression: "'carnet:' + claims.sub" },
            extra: [{ key: 'carnet.dev/jti', valueExpression: 'claims.jti' }],
          },
          userValidationRules: [
            { expression: "!user.username.startsWith('system:')", message: expect.any(String) },
            { expression: "user.groups.all(group, !group.startsWith('system:'))", message: expect.any(String) },
          ],
        },
      ],
    });
  });

  test('takes a private authority and another address of discovery, and prints no key of the same file', async () => {
    const { ca, cert, key } = await loopbackCertificate('carnet');
    const files = { 'ca.pem': `${ca}\n${key}\n${cert}\n` };
    const { exitCode, out } = await trust(
      files,
      ...['--audience', AUDIENCE, '--ca-file', 'ca.pem', '--discovery-url', DISCOVERY],
    );
    expect(exitCode).toBe(0);
    const [{ issuer }] = parse(out).jwt;
    expect(issuer.discoveryURL).toBe(DISCOVERY);
    expect(issuer.certificateAuthority.trim()).toBe(`${ca.trim()}\n${cert.trim()}`);
    expect(out).not.toContain('PRIVATE');
  });

  test('leaves out a discovery address that says what the issuer says: an API server refuses it', async () => {
    const same = 'https://sts.example.org/svid/.well-known/openid-configuration';
    const { out } = await trust({}, '--audience', AUDIENCE, '--discovery-url', same);
    expect(parse(out).jwt[0].issuer).not.toHaveProperty('discoveryURL');
  });

  test('keeps an audience with quotes a text, in YAML and in CEL', async () => {
    const audience = `a"']||true||[b\\`;
    const { out } = await trust({}, '--audience', audience);
    const [{ issuer, claimValidationRules }] = parse(out).jwt;
    expect(issuer.audiences).toEqual([audience]);
    expect(claimValidationRules[2].expression).toBe(`claims.aud == ${JSON.stringify(audience)}`);
  });

  test.each([
    ['no audience', []],
    ['an empty audience', ['--audience', '']],
    ['an audience of two lines', ['--audience', 'a\nb']],
    ['a discovery address of http', ['--audience', AUDIENCE, '--discovery-url', DISCOVERY.replace('https', 'http')]],
    ['a discovery address with a query', ['--audience', AUDIENCE, '--discovery-url', `${DISCOVERY}?a`]],
    ['an origin alone', ['--audience', AUDIENCE, '--discovery-url', 'https://10.0.0.5:8443']],
  ])('refuses %s with 2 and prints nothing', async (_, args) => {
    const { exitCode, out, err } = await trust({}, ...args);
    expect([exitCode, out]).toEqual([2, '']);
    expect(err).toMatch(/--audience|--discovery-url/);
  });

  test('refuses an http issuer with 78, because no API server accepts it', async () => {
    const { exitCode, out, err } = await trust({ 'carnet.yaml': CARNET_YAML }, '--audience', AUDIENCE);
    expect([exitCode, out]).toEqual([78, '']);
    expect(err).toContain('https issuers only');
  });

  test.each([
    ['that is not there', {}],
    ['without a certificate', { 'ca.pem': 'nothing' }],
    ['with a broken certificate', { 'ca.pem': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' }],
  ])('refuses a CA file %s with 78', async (_, files) => {
    const { exitCode, out, err, folder } = await trust(files, '--audience', AUDIENCE, '--ca-file', 'ca.pem');
    expect([exitCode, out]).toEqual([78, '']);
    expect(err).toContain(join(folder, 'ca.pem'));
  });
});
