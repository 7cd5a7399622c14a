import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { API_VERSION } from '../resources/document.ts';
import { type AdminClient, adminClient } from './admin-client.ts';
import { CommandError, ExitCode } from './exit-code.ts';
import { type OutstandingList, outstandingAt, outstandingTable, together } from './outstanding.ts';
import { printable, printableJson, type Style, styleOf } from './style.ts';
import type { TokenSource } from './subject-token.ts';
import type { Surroundings } from './surroundings.ts';

const SUBJECT = /^([a-z0-9-]{1,63})\/([a-z0-9.-]{1,253})$/;
/** Whoever has no namespace might be of any as far as `match` goes, and a stop of one ServiceAccount is not for CI jobs. */
const OF_A_CLUSTER = 'identity.kind == "kubernetes"';

export interface StopOptions extends TokenSource {
  readonly all?: boolean;
  readonly issuer?: string;
  readonly mapping?: string;
  readonly subject?: string;
  readonly message: string;
  /** Each is asked; without one, those of CARNET_ENDPOINT. */
  readonly endpoint?: readonly string[];
  readonly output: 'text' | 'json';
}

/** What one of the servers made of it. */
type Asked = { readonly client: AdminClient } & ({ readonly body: JsonObject } | { readonly failed: CommandError });

/**
 * `carnet stop`: a Guardrail that denies all it matches, put at every server that is named. Prints its name, then what
 * was issued before and still lives; resolves to the exit code.
 */
export async function stop(options: StopOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { clock, env, err, out } = surroundings;
  const match = matchOf(options);
  const clients = clientsOf(options, surroundings);
  const name = `stop-${new Date(clock.now()).toISOString().replace(/\D/g, '')}`;
  const deny = options.subject === undefined ? 'true' : OF_A_CLUSTER;
  const spec = { ...(match !== undefined && { match }), deny, message: options.message };
  const document = { apiVersion: API_VERSION, kind: 'Guardrail', metadata: { name }, spec };
  const asked = await Promise.all(clients.map((client) => stopAt(client, name, document)));
  const [first] = asked.filter((one) => 'body' in one);
  if (first === undefined) throw nothingStopped(asked);
  if (options.output === 'text') out.write(`${name}\n`);
  const style = styleOf(err, env);
  const idle = faultsOf(first.body['changes']).filter((fault) => fault['name'] === name);
  for (const one of asked.filter((one) => idle.length === 0 || 'failed' in one))
    err.write(`${told(one, { name, style, several: clients.length > 1 })}\n`);
  if (idle.length > 0) {
    const why = idle.flatMap(({ message, mend }) => [message, mend]).filter((part) => typeof part === 'string');
    throw new CommandError(ExitCode.refused, `Guardrail ${name} stops nobody yet: ${printable(why.join('; '))}`);
  }
  await tellOutstanding({ name, asked, options }, surroundings);
  return asked.find((one) => 'failed' in one)?.failed.exitCode ?? ExitCode.ok;
}

function clientsOf({ endpoint, ...options }: StopOptions, surroundings: Surroundings): readonly AdminClient[] {
  const places = endpoint ?? (surroundings.env['CARNET_ENDPOINT'] ?? '').split(',').map((place) => place.trim());
  return places.map((place) => adminClient({ ...options, endpoint: place }, surroundings));
}

async function stopAt(client: AdminClient, name: string, body: JsonObject): Promise<Asked> {
  try {
    const { body: answer } = await client.ask({ method: 'PUT', path: `guardrails/${name}`, body });
    if (typeof answer['inForce'] !== 'boolean') throw noAnswer(client);
    return { client, body: answer };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { client, failed: error };
  }
}

/** Of a server that says yes to everything nobody should believe that it has stopped anybody. */
function noAnswer({ endpoint: { origin } }: AdminClient): CommandError {
  return new CommandError(ExitCode.unavailable, `${origin} did not answer as the admin API does; name the admin door`);
}

function nothingStopped(asked: readonly Asked[]): CommandError {
  const failed = asked.flatMap((one) => ('failed' in one ? [one.failed] : []));
  const text = [...new Set(failed.map(({ message }) => message))].join('\n  ');
  return new CommandError(failed[0]?.exitCode ?? ExitCode.usage, `nothing is stopped: ${text}`, { cause: failed[0] });
}

/** What became of the stop at one server, in a line. */
function told(one: Asked, { name, style, several }: { name: string; style: Style; several: boolean }): string {
  const at = several ? ` at ${one.client.endpoint.origin}` : '';
  if ('failed' in one) return `${style('yellow', 'not stopped')}${at}: ${one.failed.message}`;
  const kept =
    one.body['durable'] === 'replica'
      ? '; the store cannot be reached: this replica keeps the stop, and those that share its cache, until it can' +
        otherName(one.body['otherName'])
      : '';
  const late = one.body['inForce'] === false ? '; the replica that was asked has not loaded it yet' : '';
  return `${style('red', 'stopped')} by Guardrail ${name}${at}; deleting it ends the stop${kept}${late}`;
}

function otherName(name: JsonValue | undefined): string {
  return typeof name === 'string' ? `, then as ${printable(name)} if somebody else has used the name` : '';
}

interface Done {
  readonly name: string;
  readonly asked: readonly Asked[];
  readonly options: StopOptions;
}

/** A stop ends issuing, and takes back nothing that is out: each of those, and what cuts it off at its cloud. */
async function tellOutstanding({ name, asked, options }: Done, around: Surroundings): Promise<void> {
  const { env, err, out } = around;
  // Each replica has a log of its own.
  const lists = await Promise.all(
    asked.map((one) => ('failed' in one ? undefined : outstandingTold(one.client, options, around))),
  );
  const known = lists.filter((list) => list !== undefined);
  const found = known.length === 0 ? undefined : together(known);
  if (options.output === 'json') {
    const servers = asked.map((one) => ({
      endpoint: one.client.endpoint.href,
      ...('failed' in one
        ? { failed: one.failed.message }
        : { durable: one.body['durable'], inForce: one.body['inForce'] }),
    }));
    out.write(`${printableJson({ guardrail: name, servers, ...found }, 2)}\n`);
  } else if (found !== undefined) err.write(outstandingTable(found, styleOf(err, env)));
}

/** What one server knows of; undefined, and said so, where it cannot tell. */
async function outstandingTold(
  client: AdminClient,
  options: StopOptions,
  { err }: Surroundings,
): Promise<OutstandingList | undefined> {
  try {
    return await outstandingAt(client, queryOf(options));
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    err.write(`what is still out cannot be told by ${client.endpoint.origin}: ${error.message}\n`);
    return undefined;
  }
}

/** The same people as `match` means, in the words of the audit log. */
function queryOf({ issuer, mapping, subject }: StopOptions): Readonly<Record<string, string>> {
  const [, namespace, serviceAccount] = SUBJECT.exec(subject ?? '') ?? [];
  return {
    ...(issuer !== undefined && { issuer }),
    ...(mapping !== undefined && { mapping }),
    ...(namespace !== undefined && serviceAccount !== undefined && { namespace, serviceAccount }),
  };
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

/** What is wrong, or doubtful, since a change. */
function faultsOf(changes: unknown): readonly JsonObject[] {
  const faults = isJsonObject(changes) ? changes['newFaults'] : undefined;
  return Array.isArray(faults) ? faults.filter(isJsonObject) : [];
}
