import { isJsonObject, type JsonObject } from '../core/json.ts';
import { directPut } from '../outbound/direct-request.ts';
import { API_VERSION } from '../resources/document.ts';
import { CommandError, ExitCode } from './exit-code.ts';
import { printable, styleOf } from './style.ts';
import { readSubjectToken } from './subject-token.ts';
import type { Surroundings } from './surroundings.ts';
import { causeOf, parseEndpoint } from './token-endpoint.ts';

const LIMITS = { maxBytes: 1024 * 1024, timeoutMs: 30_000 };
const SUBJECT = /^([a-z0-9-]{1,63})\/([a-z0-9.-]{1,253})$/;
/** Whoever has no namespace might be of any as far as `match` goes, and a stop of one ServiceAccount is not for CI jobs. */
const OF_A_CLUSTER = 'identity.kind == "kubernetes"';

export interface StopOptions {
  readonly all?: boolean;
  readonly issuer?: string;
  readonly mapping?: string;
  readonly subject?: string;
  readonly message: string;
  readonly endpoint?: string;
  readonly tokenFile?: string;
}

/** `carnet stop`: a Guardrail that denies all it matches. Prints its name; resolves to the exit code. */
export async function stop(options: StopOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { clock, env, err, out } = surroundings;
  const match = matchOf(options);
  const endpoint = options.endpoint ?? env['CARNET_ENDPOINT'];
  if (!endpoint) throw new CommandError(ExitCode.usage, 'name the server: --endpoint URL or CARNET_ENDPOINT');
  const url = parseEndpoint(endpoint);
  const name = `stop-${new Date(clock.now()).toISOString().replace(/\D/g, '')}`;
  url.pathname = `${url.pathname.replace(/\/$/, '')}/admin/v1/guardrails/${name}`;
  const deny = options.subject === undefined ? 'true' : OF_A_CLUSTER;
  const spec = { ...(match !== undefined && { match }), deny, message: options.message };
  const document = JSON.stringify({ apiVersion: API_VERSION, kind: 'Guardrail', metadata: { name }, spec });
  const token = await readSubjectToken(options, surroundings);
  const headers = { authorization: `Bearer ${token.reveal()}`, 'content-type': 'application/json' };
  const answer = await directPut(url, { headers, body: document, ...LIMITS }).catch((cause: unknown) => {
    throw new CommandError(ExitCode.unavailable, `${url.origin} ${causeOf(cause)}`, { cause });
  });
  const style = styleOf(err, env);
  const body = parsed(answer.body);
  if (answer.status !== 201) throw refusal(answer.status, body);
  out.write(`${name}\n`);
  const idle = faultsOf(body['changes']).filter((fault) => fault['name'] === name);
  if (idle.length > 0) {
    const why = idle.flatMap(({ message, mend }) => [message, mend]).filter((part) => typeof part === 'string');
    throw new CommandError(ExitCode.refused, `Guardrail ${name} stops nobody yet: ${printable(why.join('; '))}`);
  }
  const late = body['inForce'] === false ? '; the replica that was asked has not loaded it yet' : '';
  err.write(`${style('red', 'stopped')} by Guardrail ${name}; deleting it ends the stop${late}\n`);
  return ExitCode.ok;
}

/** Whom a stop is for; undefined is everybody. Throws CommandError. */
function matchOf({ all, issuer, mapping, subject }: StopOptions): JsonObject | undefined {
  const issuers = issuer === undefined ? {} : { issuers: [issuer] };
  const wishes = [all, mapping, subject].filter((wish) => wish !== undefined).length;
  if (
    wishes > 1 ||
    (wishes === 0 && issuer === undefined) ||
    (issuer !== undefined && subject === undefined && wishes > 0)
  )
    throw new CommandError(ExitCode.usage, 'say whom to stop: one of --all, --issuer, --mapping, --subject');
  if (all) return undefined;
  if (mapping !== undefined) return { mappings: [mapping] };
  if (subject === undefined) return issuers;
  const [, namespace, serviceAccount] = SUBJECT.exec(subject) ?? [];
  if (namespace === undefined || serviceAccount === undefined) {
    throw new CommandError(ExitCode.usage, '--subject is NAMESPACE/SERVICEACCOUNT');
  }
  return { ...issuers, namespace, serviceAccount };
}

function parsed(body: Buffer | undefined): JsonObject {
  try {
    const value: unknown = JSON.parse(body?.toString('utf8') ?? '');
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** What is wrong, or doubtful, since a change. */
function faultsOf(changes: unknown): readonly JsonObject[] {
  const faults = isJsonObject(changes) ? changes['newFaults'] : undefined;
  return Array.isArray(faults) ? faults.filter(isJsonObject) : [];
}

/** What a problem says (RFC 9457), faults and all. */
function refusal(status: number, body: JsonObject): CommandError {
  const faults = Array.isArray(body['faults']) ? body['faults'].filter(isJsonObject) : [];
  const lines = [
    [body['title'] ?? `status ${status}`, body['detail']],
    ...faults.map(({ field, message }) => [field, message]),
    [body['mend']],
  ].map((line) => line.filter((part) => typeof part === 'string' && part !== '').join(': '));
  const comesBack = status === 429 || status >= 500;
  const text = lines
    .filter((line) => line !== '')
    .map(printable)
    .join('\n  ');
  return new CommandError(comesBack ? ExitCode.unavailable : ExitCode.refused, `nothing is stopped: ${text}`);
}
