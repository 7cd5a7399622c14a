import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { type AdminAnswer, type AdminOptions, adminClient } from '../admin-client.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { printable, printableJson, styleOf } from '../style.ts';
import type { Surroundings } from '../surroundings.ts';
import { table } from '../table.ts';

const PATH = 'access-requests';
const NAME = /^ar-[0-9a-f]{32}$/;
const WORKLOAD = /^([a-z0-9-]{1,63})\/([a-z0-9.-]{1,253})$/;
const CLUSTER_SUBJECT = 'system:serviceaccount:';

export interface ListOptions extends AdminOptions {
  readonly state?: string;
  readonly mapping?: string;
  readonly output: 'table' | 'json';
}

export interface DecideOptions extends AdminOptions {
  readonly why?: string;
  readonly dryRun?: boolean;
}

export interface RequestOptions extends AdminOptions {
  readonly mapping: string;
  readonly issuer: string;
  readonly subject: string;
  readonly reason?: string;
  readonly duration?: string;
  readonly breakGlass?: boolean;
  readonly dryRun?: boolean;
}

/** `carnet access list`: every page. Resolves to the exit code. */
export async function listAccess(options: ListOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { state, mapping, output } = options;
  const client = adminClient(options, surroundings);
  const wanted = { ...(state !== undefined && { state }), ...(mapping !== undefined && { mapping }), limit: '500' };
  const items: JsonObject[] = [];
  for (let after: JsonValue | undefined = ''; typeof after === 'string'; ) {
    const query = { ...wanted, ...(after !== '' && { after }) };
    const { body }: AdminAnswer = await client.ask({ method: 'GET', path: PATH, query });
    items.push(...(Array.isArray(body['items']) ? body['items'].filter(isJsonObject) : []));
    after = body['next'];
  }
  const { out, env } = surroundings;
  if (output === 'json') out.write(`${printableJson(items, 2)}\n`);
  else out.write(table(HEADING, items.map(rowOf), styleOf(out, env)));
  return ExitCode.ok;
}

export interface ShowOptions extends AdminOptions {
  readonly output: 'text' | 'json';
}

/** `carnet access show`: one request, and who may approve it. Resolves to the exit code. */
export async function showAccess(name: string, options: ShowOptions, surroundings: Surroundings): Promise<ExitCode> {
  assertName(name);
  const { body } = await adminClient(options, surroundings).ask({ method: 'GET', path: `${PATH}/${name}` });
  const { out, env } = surroundings;
  if (options.output === 'json') {
    out.write(`${printableJson(body, 2)}\n`);
    return ExitCode.ok;
  }
  const style = styleOf(out, env);
  const facts = factsOf(body).filter(([, value]) => value !== '');
  for (const [fact, value] of facts) out.write(`${style('dim', fact.padEnd(FACT_WIDTH))}  ${value}\n`);
  return ExitCode.ok;
}

/** `carnet access approve`, `deny` and `withdraw`: decides on the request as it is read now. */
export async function decideOnAccess(
  name: string,
  decision: 'approve' | 'deny' | 'withdraw',
  options: DecideOptions,
  surroundings: Surroundings,
): Promise<ExitCode> {
  assertName(name);
  const client = adminClient(options, surroundings);
  const { etag } = await client.ask({ method: 'GET', path: `${PATH}/${name}` });
  const { why } = options;
  const answer = await client.ask({
    method: 'PUT',
    path: `${PATH}/${name}`,
    body: { decision, ...(why !== undefined && { why }) },
    ...(etag !== undefined && { headers: { 'if-match': etag } }),
    ...dryRun(options),
  });
  tell(answer, surroundings);
  return ExitCode.ok;
}

/** `carnet access request`: asks on behalf of a workload. */
export async function requestAccess(options: RequestOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { mapping, issuer, subject, reason, duration, breakGlass } = options;
  const [, namespace, serviceAccount] = WORKLOAD.exec(subject) ?? [];
  const isWorkload = namespace !== undefined && serviceAccount !== undefined;
  const answer = await adminClient(options, surroundings).ask({
    method: 'PUT',
    path: `${PATH}/new`,
    body: {
      mapping,
      identity: { issuer, ...(isWorkload ? { namespace, serviceAccount } : { subject }) },
      ...(reason !== undefined && { reason }),
      ...(duration !== undefined && { duration }),
      ...(breakGlass && { breakGlass }),
    },
    ...dryRun(options),
  });
  surroundings.out.write(`${textOf(answer.body['name'])}\n`);
  tell(answer, surroundings);
  return ExitCode.ok;
}

function assertName(name: string): void {
  if (!NAME.test(name))
    throw new CommandError(ExitCode.usage, 'the name of an access request is ar- and 32 hex digits');
}

function dryRun(options: { readonly dryRun?: boolean }): { query?: { dryRun: string } } {
  return options.dryRun ? { query: { dryRun: 'true' } } : {};
}

/** The state that a request is in now, and what it waits for. */
function tell({ body }: AdminAnswer, { err }: Surroundings): void {
  const request = objectOf(body['request']);
  const dry = body['dryRun'] === true ? ' (dry run: nothing was changed)' : '';
  err.write(`${textOf(body['name'])} is ${stateOf(request)}${dry}\n`);
}

function stateOf(request: JsonObject): string {
  const state = textOf(request['state']);
  if (state === 'asked') return `asked, ${approvalsOf(request)} approvals; approvers: ${approversOf(request)}`;
  return state === 'approved' ? `approved until ${textOf(request['notAfter'])}` : state;
}

const HEADING = ['name', 'state', 'mapping', 'for', 'approvals', 'until', 'reason'];

const FACT_WIDTH = 'may approve'.length;

/** What there is to say of one request; a fact that does not apply has an empty value. */
function factsOf(request: JsonObject): readonly (readonly [string, string])[] {
  const [name = '', state = '', mapping = '', who = '', approvals = '', until = '', reason = ''] = rowOf(request);
  const given = Array.isArray(request['approvals']) ? request['approvals'].map(objectOf) : [];
  const { approvers, owner, askedBy, uses, maxUses } = request;
  const isOpen = state === 'asked';
  return [
    ['name', name],
    ['state', state],
    ['mapping', mapping],
    ['for', who],
    ['asked', textOf(request['askedAt'])],
    ['asked by', askedBy === undefined ? 'the workload' : textOf(objectOf(askedBy)['subject'])],
    ['reason', reason],
    ['approvals', approvals],
    ...given.map(({ by, why }) => ['approved by', [by, why].map(personOrText).filter(Boolean).join(': ')] as const),
    ['may approve', isOpen ? approversOf(request) : ''],
    ['may not', isOpen && approvers !== undefined ? barred(textOf(owner)) : ''],
    ['until', until],
    ['uses', typeof maxUses === 'number' ? `${String(uses)} of ${maxUses}` : ''],
    ['ended', textOf(request['endedAt'])],
    ['why', textOf(request['why'])],
  ];
}

/** Of those who are named: docs/access.md. */
function barred(owner: string): string {
  return `whoever asked, the owner of the mapping (${owner}), the last two who changed it`;
}

function personOrText(value: JsonValue | undefined): string {
  return textOf(objectOf(value)['subject']) || textOf(value);
}

function rowOf(request: JsonObject): readonly string[] {
  const document = objectOf(request['document']);
  const { mapping, identity, reason } = objectOf(document['spec']);
  const { issuer, subject } = objectOf(identity);
  const who = textOf(subject).startsWith(CLUSTER_SUBJECT)
    ? textOf(subject).slice(CLUSTER_SUBJECT.length).replace(':', '/')
    : textOf(subject);
  return [
    textOf(objectOf(document['metadata'])['name']),
    textOf(request['state']),
    textOf(mapping),
    `${who} of ${textOf(issuer)}`,
    request['breakGlass'] === true ? 'break-glass' : approvalsOf(request),
    textOf(request['notAfter']),
    textOf(reason),
  ];
}

function approvalsOf({ approvals, needed }: JsonObject): string {
  return `${Array.isArray(approvals) ? approvals.length : 0} of ${typeof needed === 'number' ? needed : '?'}`;
}

function approversOf({ approvers }: JsonObject): string {
  return Array.isArray(approvers) ? approvers.map(textOf).join(', ') : 'none, the mapping is gone';
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return value !== undefined && isJsonObject(value) ? value : {};
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? printable(value) : '';
}
