import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { ADMIN_AUDIENCE, adminConfig, askAdmin } from '../support/admin-api.ts';
import { clusterIssuer, install, type RunningCarnet, start } from '../support/running-carnet.ts';

/** What scripts/test-api.sh has installed; undefined where the machine has no Python for it. */
const PYTHON = process.env['CARNET_SCHEMATHESIS_PYTHON'] || undefined;
/** One run is repeatable: its failures show again with the same seed. */
const SEED = '20261127';
const ROOT = join(import.meta.dirname, '../..');

/**
 * What must hold of every answer. Left out are the checks that take OpenAPI's shapes for the whole contract: a document
 * may fit its schema and be refused beside others, and a form may hold what the schema does not know.
 */
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
  'unsupported_method',
  'allow_header_conformance',
  'ignored_auth',
  'use_after_free',
  'ensure_resource_availability',
];

let cluster: FakeCluster;
let idp: FakeOidcIssuer;
let carnet: RunningCarnet;
let scratch: string;

beforeAll(async () => {
  cluster = await FakeCluster.start();
  idp = await FakeOidcIssuer.start();
  scratch = await mkdtemp(join(tmpdir(), 'carnet-api-'));
  const mapping = {
    apiVersion: 'carnet.dev/v1alpha1',
    kind: 'FederationMapping',
    metadata: { name: 'from-file' },
    spec: {
      owner: 'platform@example.org',
      subject: { issuer: 'prod-eu', namespace: 'payments', serviceAccount: '*' },
      target: { jwtSvid: { audiences: ['of-file'] } },
    },
  };
  const resources = clusterIssuer(cluster) + JSON.stringify(mapping);
  carnet = await start(await install({ cluster, resources, allowOrigins: [idp.issuer], more: adminConfig(idp) }));
});

afterAll(async () => {
  await carnet.stop();
  await cluster.close();
  await idp.close();
  await carnet.remove();
  await rm(scratch, { recursive: true, force: true });
});

/** Runs schemathesis over some operations of the committed document; resolves to all that it printed. */
async function schemathesis(operations: readonly string[], headers: readonly string[] = []) {
  const child = spawn(
    `${PYTHON}`,
    [
      ...[
        '-m',
        'schemathesis.cli',
        'run',
        join(ROOT, 'openapi.yaml'),
        '--url',
        carnet.url,
        '--seed',
        SEED,
        '--max-examples',
        '40',
      ],
      ...['--checks', CHECKS.join(','), '--continue-on-failure', '--no-shrink', '--request-timeout', '10'],
      ...['--warnings', 'off', '--no-color', ...operations],
      ...headers.flatMap((header) => ['--header', header]),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], cwd: scratch, env: { PATH: process.env['PATH'], HOME: scratch } },
  );
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { status, printed: stdout + stderr };
}

/** Of a day, so that it outlives the run. */
function token(role: string): string {
  const exp = Math.floor(Date.now() / 1000) + 86_000;
  return idp.token(ADMIN_AUDIENCE, { sub: `${role}@example.org`, groups: [`${role}s`], exp });
}

const onAdminDoor = (role: string) =>
  schemathesis(['--include-path-regex', '^/admin/'], [`Authorization: Bearer ${token(role)}`]);

/** Of the requests so far, how many each method and path got of this class of status. */
function answers(method: string, status: number): number {
  return carnet.log.filter((line) => {
    const { message, method: of, status: answered } = JSON.parse(line);
    return message === 'request' && of === method && Math.floor(answered / 100) === status / 100;
  }).length;
}

/** Everything of the resources that the API shows. */
async function resources() {
  const paths = ['issuers', 'mappings', 'guardrails'].map((path) => `${path}?limit=500`);
  return Promise.all(paths.map(async (path) => (await askAdmin(carnet.url, path, { token: token('owner') })).body));
}

describe.skipIf(PYTHON === undefined)('every answer is one that openapi.yaml has, and none is a 5xx', () => {
  test('on the doors of clouds and workloads', async () => {
    const { status, printed } = await schemathesis(['--exclude-path-regex', '^/admin/']);
    expect(status, printed).toBe(0);
    expect(answers('POST', 400)).toBeGreaterThan(100);
  });

  test('on the door of admins, to a viewer, who changes nothing', async () => {
    const before = await resources();
    const { status, printed } = await onAdminDoor('viewer');
    expect(status, printed).toBe(0);
    expect(answers('PUT', 400)).toBeGreaterThan(20);
    expect(answers('PUT', 200) + answers('DELETE', 200)).toBe(0);
    expect(await resources()).toEqual(before);
  });

  test('on the door of admins, to an owner, who gets documents written', async () => {
    const { status, printed } = await onAdminDoor('owner');
    expect(status, printed).toBe(0);
    expect(answers('PUT', 200)).toBeGreaterThan(0);
  });

  test('and what comes from a file is in force afterwards as before', async () => {
    const { status, body } = await askAdmin(carnet.url, 'mappings/from-file', { token: token('owner') });
    expect(status).toBe(200);
    expect(body).toMatchObject({ state: 'in-force', faults: [] });
  });
});
