import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { documentText } from '../../resources/document-text.ts';
import { type AdminClient, type AdminOptions, adminClient } from '../admin-client.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { printableJson, styleOf } from '../style.ts';
import type { Surroundings } from '../surroundings.ts';
import { table } from '../table.ts';
import { objects } from './change-lines.ts';
import { kindPath, resourcePath } from './kind-path.ts';

export interface GetOptions extends AdminOptions {
  readonly history?: boolean;
  readonly output: 'table' | 'yaml' | 'json';
}

/** `carnet get`: one resource, its versions, or all of a kind. Resolves to the exit code. */
export async function get(
  { kind, name }: { readonly kind: string; readonly name: string | undefined },
  options: GetOptions,
  surroundings: Surroundings,
): Promise<ExitCode> {
  const client = adminClient(options, surroundings);
  if (name === undefined && options.history === true)
    throw new CommandError(ExitCode.usage, '--history is of one NAME');
  const path = name === undefined ? kindPath(kind) : resourcePath(kind, name);
  const found = await foundAt(client, path, { one: name !== undefined, history: options.history === true });
  const { out, env } = surroundings;
  const rows = found.map(options.history === true ? versionRow : resourceRow);
  const heading = [options.history === true ? 'version' : 'name', 'state', 'source', 'author', 'at', 'why'];
  const written = {
    table: () => table(heading, rows, styleOf(out, env)),
    yaml: () => found.map(({ document }) => (isJsonObject(document) ? documentText(document) : '')).join(''),
    json: () => `${printableJson(name === undefined || options.history ? { items: found } : found[0], 2)}\n`,
  };
  out.write(written[options.output]());
  return ExitCode.ok;
}

interface Wanted {
  readonly one: boolean;
  readonly history: boolean;
}

async function foundAt(client: AdminClient, path: string, { one, history }: Wanted): Promise<readonly JsonObject[]> {
  if (one && !history) return [(await client.ask({ method: 'GET', path })).body];
  const found: JsonObject[] = [];
  const [fixed, cursor] = history ? [{ history: 'true' }, 'before'] : [{ limit: '500' }, 'after'];
  let next: string | undefined;
  do {
    const query = { ...fixed, ...(next !== undefined && { [cursor]: next }) };
    const { body } = await client.ask({ method: 'GET', path, query });
    found.push(...objects(body['items']));
    next = body['next'] === undefined ? undefined : String(body['next']);
  } while (next !== undefined);
  return found;
}

function resourceRow({ document, source, state, faults }: JsonObject): readonly string[] {
  const from = isJsonObject(source) ? source : {};
  const file = from['type'] === 'file' ? `${word(from['path'])}:${word(from['line'])}` : setOf(from);
  const metadata = isJsonObject(document) && isJsonObject(document['metadata']) ? document['metadata'] : {};
  const wrong = objects(faults).length;
  const doubt = wrong === 0 ? '' : `, ${wrong} ${wrong === 1 ? 'fault' : 'faults'}`;
  return [word(metadata['name']), `${word(state)}${doubt}`, file, ...writtenBy(from)];
}

function versionRow(version: JsonObject): readonly string[] {
  const state = version['deleted'] === true ? 'deleted' : 'written';
  return [word(version['version']), state, setOf(version), ...writtenBy(version)];
}

function setOf({ set }: JsonObject): string {
  return set === undefined ? 'store' : `set ${word(set)}`;
}

function writtenBy({ author, at, why }: JsonObject): readonly string[] {
  return [isJsonObject(author) ? word(author['subject']) : '', word(at), word(why)];
}

function word(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
