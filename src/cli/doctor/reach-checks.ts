import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { directGet } from '../../outbound/direct-request.ts';
import { addressesOf, tryConnection, tryTls } from '../../outbound/reach.ts';
import { printable } from '../style.ts';
import { type Finding, failed, ok, warning } from './finding.ts';

const TIMEOUT_MS = 5000;
const LIMITS = { headers: { accept: 'application/json' }, maxBytes: 64 * 1024, timeoutMs: TIMEOUT_MS };
/** What a TrustedIssuer tolerates unless it says otherwise, and what clouds tolerate (clouds.md 1.1). */
const SKEW_SECONDS = 30;
const MAX_SKEW_SECONDS = 300;
const DAY_MS = 86_400_000;

interface Step {
  readonly check: string;
  run(): Promise<readonly Finding[]>;
  readonly mend: string;
}

/** Each step on the way to the service; after the first that fails the others are skipped. `now` tells milliseconds. */
export async function reachFindings(endpoint: URL, now: () => number): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  let isReached = true;
  for (const { check, run, mend } of stepsTo(endpoint, now)) {
    const found: readonly Finding[] = isReached
      ? await run().catch((error: unknown) => [failed(check, codeOf(error), mend)])
      : [{ check, state: 'skipped', found: '' }];
    findings.push(...found);
    isReached &&= found.every(({ state }) => state !== 'failed');
  }
  return findings;
}

function stepsTo(endpoint: URL, now: () => number): readonly Step[] {
  const tls: Step = {
    check: 'TLS',
    run: async () => [certificateFinding((await tryTls(endpoint, TIMEOUT_MS)) - now())],
    mend: 'a private authority belongs in NODE_EXTRA_CA_CERTS; the name must be one of the certificate',
  };
  return [
    {
      check: 'name',
      run: async () => [ok('name', `${endpoint.hostname} is ${(await addressesOf(endpoint)).join(', ')}`)],
      mend: 'check the name of the endpoint and the DNS of this pod',
    },
    {
      check: 'connection',
      run: async () => {
        await tryConnection(endpoint, TIMEOUT_MS);
        return [ok('connection', endpoint.host)];
      },
      mend: 'check the port, NetworkPolicies and firewalls between here and there',
    },
    ...(endpoint.protocol === 'https:' ? [tls] : []),
    {
      check: 'service',
      run: () => serviceFindings(endpoint, now),
      mend: 'something answers there that is not Carnet, or does not answer in time',
    },
    {
      check: 'discovery',
      run: () => discoveryFindings(endpoint),
      mend: 'the endpoint must be the base of the workload listener (listeners.workload.url)',
    },
  ];
}

function certificateFinding(left: number): Finding {
  const days = Math.floor(left / DAY_MS);
  if (days >= 7) return ok('TLS', `trusted, ends in ${days} days`);
  return warning('TLS', `trusted, ends in ${days} days`, 'renew the certificate of the service');
}

async function serviceFindings(endpoint: URL, now: () => number): Promise<readonly Finding[]> {
  const { status, date } = await directGet(below(endpoint, '/livez', ''), LIMITS);
  const service =
    status === 200
      ? ok('service', 'alive')
      : warning('service', `/livez answers ${status}`, 'a proxy may keep it; else see its log');
  return [service, clockFinding(date, now())];
}

/** To the second, and late by as long as the answer took. */
function clockFinding(date: string | undefined, now: number): Finding {
  const ahead = (now - Date.parse(date ?? '')) / 1000;
  if (Number.isNaN(ahead)) return warning('clock', 'the answer has no Date', 'compare the clocks by hand');
  const found = `${Math.abs(Math.round(ahead))} s ${ahead < 0 ? 'behind' : 'ahead of'} the service`;
  const mend = 'set the clock of this node';
  if (Math.abs(ahead) > MAX_SKEW_SECONDS) return failed('clock', found, mend);
  return Math.abs(ahead) > SKEW_SECONDS ? warning('clock', found, mend) : ok('clock', found);
}

async function discoveryFindings(endpoint: URL): Promise<readonly Finding[]> {
  const { status, document } = await firstDocument(endpoint);
  const { issuer, token_endpoint: tokenEndpoint } = document;
  if (typeof issuer !== 'string') {
    return [
      failed('discovery', `${status} without an issuer`, 'the endpoint must be the base of the workload listener'),
    ];
  }
  const expected = below(endpoint, '/oauth2/token').href;
  const found = `issuer ${printable(issuer)}`;
  if (tokenEndpoint === expected) return [ok('discovery', found)];
  const other = typeof tokenEndpoint === 'string' ? printable(tokenEndpoint) : 'none';
  return [
    warning(
      'discovery',
      `${found}, its token endpoint is ${other}`,
      'use that address, unless this one is another way to it',
    ),
  ];
}

/** Below the endpoint, else at its root: the path is that of the issuer, which may be another. */
async function firstDocument(endpoint: URL): Promise<{ status: number; document: JsonObject }> {
  const path = '/.well-known/openid-configuration';
  const places = new Set([below(endpoint, path).href, below(endpoint, path, '').href]);
  let last = 0;
  for (const place of places) {
    const { status, body } = await directGet(new URL(place), LIMITS);
    if (status === 200) return { status, document: documentOf(body) };
    last = status;
  }
  return { status: last, document: {} };
}

function documentOf(body: Buffer | undefined): JsonObject {
  try {
    const value: unknown = JSON.parse(body?.toString('utf8') ?? '');
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}

function below(endpoint: URL, path: string, base = endpoint.pathname.replace(/\/$/, '')): URL {
  const url = new URL(endpoint);
  url.pathname = base + path;
  return url;
}

/** Codes only: the texts of network errors may quote what was sent. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'failed';
  if (error.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS / 1000} s`;
  return 'code' in error ? String(error.code) : 'failed';
}
