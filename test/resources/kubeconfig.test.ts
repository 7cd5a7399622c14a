import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { accessOf, KubeconfigError, readKubeconfig } from '../../src/resources/kubeconfig.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const TOKEN = 'a-very-secret-token';

/** One context, with what a test changes about its cluster and user. */
function kubeconfig(cluster: object = {}, user: object = { token: TOKEN }, more: object = {}): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'prod-eu',
    contexts: [
      { name: 'prod-eu', context: { cluster: 'eu', user: 'reader' } },
      { name: 'prod-us', context: { cluster: 'us' } },
    ],
    clusters: [
      { name: 'eu', cluster: { server: 'https://10.7.0.1:6443/', ...cluster } },
      { name: 'us', cluster: { server: 'https://rancher.example.org/k8s/clusters/c-1' } },
    ],
    users: [{ name: 'reader', user }],
    ...more,
  });
}

const access = (text: string, context?: string) => accessOf(readKubeconfig(text), context);

/** The message of the KubeconfigError; anything else fails the test. */
function fault(text: string, context?: string): string {
  try {
    access(text, context);
  } catch (error) {
    if (error instanceof KubeconfigError) {
      expect(inspect(error)).not.toContain(TOKEN);
      return error.message;
    }
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a kubeconfig', () => {
  test('gives the server, the CA and the token of its current context, and prints no token (K12)', () => {
    const data = Buffer.from(PEM).toString('base64');
    const found = access(kubeconfig({ 'certificate-authority-data': data }));
    expect(found).toMatchObject({ context: 'prod-eu', server: 'https://10.7.0.1:6443', ca: { pem: PEM } });
    expect(found.bearer !== undefined && 'token' in found.bearer && found.bearer.token.reveal()).toBe(TOKEN);
    expect(JSON.stringify(found) + inspect(found, { depth: 9 })).not.toContain(TOKEN);
  });

  test('gives another context by name, with a path in its address and nobody to ask as', () => {
    expect(access(kubeconfig(), 'prod-us')).toEqual({
      context: 'prod-us',
      server: 'https://rancher.example.org/k8s/clusters/c-1',
    });
  });

  test('names files as they are written, tokenFile before token', () => {
    const user = { token: TOKEN, tokenFile: './token' };
    expect(access(kubeconfig({ 'certificate-authority': 'ca.pem' }, user))).toEqual({
      context: 'prod-eu',
      server: 'https://10.7.0.1:6443',
      ca: { file: 'ca.pem' },
      bearer: { file: './token' },
    });
  });

  test('is read as YAML, as kubectl writes it', () => {
    const text = `apiVersion: v1
kind: Config
current-context: kind-a
preferences: {}
clusters:
- cluster:
    certificate-authority-data: ${Buffer.from(PEM).toString('base64')}
    server: https://127.0.0.1:40001
  name: kind-a
contexts:
- context:
    cluster: kind-a
    namespace: default
    user: kind-a
  name: kind-a
users:
- name: kind-a
  user:
    token: ${TOKEN}
`;
    expect(access(text)).toMatchObject({ context: 'kind-a', server: 'https://127.0.0.1:40001' });
  });

  test.each([
    ['exec', { exec: { command: 'aws' } }],
    ['auth-provider', { 'auth-provider': { name: 'gcp' } }],
    ['client-certificate-data', { 'client-certificate-data': 'eA==' }],
    ['client-certificate', { 'client-certificate': './c.pem' }],
    ['client-key', { 'client-key': './k.pem' }],
    ['password', { password: 'x' }],
    ['as', { as: 'system:admin' }],
  ])('with %s is not supported, even beside a token', (field, user) => {
    expect(fault(kubeconfig({}, { token: TOKEN, ...user }))).toBe(
      `user reader: ${field} is not supported; use a token or a tokenFile`,
    );
  });

  test.each(['proxy-url', 'tls-server-name'])('with %s is not supported', (field) => {
    expect(fault(kubeconfig({ [field]: 'x' }))).toContain(`cluster eu: ${field} is not supported`);
  });

  test('that skips the check of certificates is refused, and one that says it does not is taken', () => {
    expect(fault(kubeconfig({ 'insecure-skip-tls-verify': true }))).toContain('insecure-skip-tls-verify is refused');
    expect(fault(kubeconfig({ 'insecure-skip-tls-verify': 'true' }))).toContain('insecure-skip-tls-verify is refused');
    expect(access(kubeconfig({ 'insecure-skip-tls-verify': false })).server).toBe('https://10.7.0.1:6443');
  });

  test.each([
    ['no certificate', kubeconfig({ 'certificate-authority-data': 'bm9uZQ==' }), 'holds no certificate'],
    ['a CA that is no text', kubeconfig({ 'certificate-authority-data': 7 }), 'holds no certificate'],
    ['an address with a password', kubeconfig({ server: 'https://u:p@10.7.0.1' }), 'not a web address'],
    ['an address with a query', kubeconfig({ server: 'https://10.7.0.1/?a' }), 'not a web address'],
    ['no address', kubeconfig({ server: undefined }), 'not a web address'],
    ['two lines of token', kubeconfig({}, { token: 'a\r\nHost: evil' }), 'token is not one token'],
    ['a token that is no text', kubeconfig({}, { token: 7 }), 'token is not one token'],
    ['one name twice', kubeconfig({}, {}, { users: [{ name: 'a' }, { name: 'a' }] }), 'users names a twice'],
    ['a list that is none', kubeconfig({}, {}, { clusters: {} }), 'clusters is not a list'],
    ['no user of the name', kubeconfig({}, {}, { users: [] }), 'has no user reader'],
    ['no current context', kubeconfig({}, {}, { 'current-context': '' }), 'has no current-context'],
    ['another kind', kubeconfig({}, {}, { kind: 'Pod' }), 'is not of kind: Config'],
    ['two documents', `${kubeconfig()}\n---\n${kubeconfig()}`, 'is not one YAML document'],
    ['nothing', '', 'is not one YAML document'],
    ['an anchor', 'kind: &a Config', 'line 1: '],
  ])('with %s is refused', (_, text, message) => {
    expect(fault(text)).toContain(message);
  });

  test('that is torn anywhere is told about without its credentials', () => {
    const text = `kind: Config\nusers:\n- name: reader\n  user:\n    token: ${TOKEN}\n    password: ${TOKEN}\n`;
    for (const torn of ['|', '>', '"', "'", '{', ']', '&', '*', '!', '%', ':', '\n', '\t', '- ', '? ', '---\n']) {
      for (let at = 0; at < text.length; at += 1) {
        expect(fault(text.slice(0, at) + torn + text.slice(at))).not.toContain(TOKEN.slice(2));
        expect(fault(text.slice(0, at) + torn + text.slice(at + 1))).not.toContain(TOKEN.slice(2));
      }
    }
    expect(fault(text.replace('token: ', 'token: |'))).toBe('line 5: Block scalar header includes extra characters');
  });

  test('says which context was perhaps meant', () => {
    expect(fault(kubeconfig(), 'prodeu')).toBe('has no context prodeu; did you mean prod-eu?');
    expect(fault(kubeconfig(), '__proto__')).toBe('has no context __proto__');
  });
});
