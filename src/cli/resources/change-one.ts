import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { type AdminClient, type AdminOptions, adminClient } from '../admin-client.ts';
import type { ExitCode } from '../exit-code.ts';
import { styleOf } from '../style.ts';
import type { Surroundings } from '../surroundings.ts';
import { changeCode, changeLines, faultLines, objects, stateLine } from './change-lines.ts';
import { resourcePath } from './kind-path.ts';

export interface ChangeOptions extends AdminOptions {
  readonly dryRun?: boolean;
  readonly why?: string;
}

interface Named {
  readonly kind: string;
  readonly name: string;
}

/** `carnet delete`: deletes what is there at this moment. Prints what that changes; resolves to the exit code. */
export async function deleteOne(
  { kind, name }: Named,
  options: ChangeOptions,
  around: Surroundings,
): Promise<ExitCode> {
  const client = adminClient(options, around);
  const path = resourcePath(kind, name);
  const { etag } = await client.ask({ method: 'GET', path });
  const { body } = await client.ask({ method: 'DELETE', path, query: queryOf(options), headers: ifMatch(etag) });
  return told(body, around);
}

/** `carnet rollback`: what was there at a version, over what is there at this moment. Resolves to the exit code. */
export async function rollback(
  { kind, name, version }: Named & { readonly version: string },
  options: ChangeOptions,
  around: Surroundings,
): Promise<ExitCode> {
  const client = adminClient(options, around);
  const path = resourcePath(kind, name);
  const headers = ifMatch(await etagNow(client, path));
  const query = { ...queryOf(options), rollback: version };
  const { body } = await client.ask({ method: 'PUT', path, query, body: {}, headers });
  return told(body, around);
}

/** Undefined where it is deleted: a rollback then creates it. */
async function etagNow(client: AdminClient, path: string): Promise<string | undefined> {
  const { body } = await client.ask({ method: 'GET', path, query: { history: 'true' } });
  const [newest] = objects(body['items']);
  return newest === undefined || newest['deleted'] === true ? undefined : `"${String(newest['version'])}"`;
}

function ifMatch(etag: string | undefined): Readonly<Record<string, string>> {
  return etag === undefined ? {} : { 'if-match': etag };
}

function queryOf({ dryRun, why }: ChangeOptions): Readonly<Record<string, string>> {
  return { ...(dryRun === true && { dryRun: 'true' }), ...(why !== undefined && { why }) };
}

function told(body: JsonObject, { out, err, env }: Surroundings): ExitCode {
  const changes = body['changes'];
  const lines = changeLines(isJsonObject(changes) ? changes : {}, body, styleOf(out, env));
  out.write(lines);
  if (lines === '') err.write('nothing changes: that is what is there\n');
  err.write(faultLines(changes, styleOf(err, env)));
  err.write(stateLine(body));
  return changeCode(body);
}
