import type { FastifyRequest } from 'fastify';
import { AdminError } from '../../admin/admin-error.ts';
import type { HistoryQuery, SetWish, Wish } from '../../admin/resource-admin.ts';
import type { ListQuery } from '../../admin/resource-list.ts';
import { duration, durationSeconds } from '../../resources/duration.ts';
import { name as nameSchema } from '../../resources/names.ts';
import { headerValues } from '../form.ts';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 500;
const WHY = /^[^\p{C}\p{Zl}\p{Zp}]{1,256}$/u;
const MEDIA_TYPE = /^application\/(json|yaml)[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

/** Parameters of the query by name, each once and none but these. Throws AdminError `malformed` naming the parameter. */
export function queryOf(request: FastifyRequest, known: readonly string[]): ReadonlyMap<string, string> {
  const [, text = ''] = /\?(.*)$/s.exec(request.raw.url ?? '') ?? [];
  const found = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(text)) {
    if (!known.includes(name)) {
      throw new AdminError('malformed', { field: 'query', detail: `the parameters here are: ${known.join(', ')}` });
    }
    if (found.has(name)) throw new AdminError('malformed', { field: name, detail: 'is there twice' });
    found.set(name, value);
  }
  return found;
}

/** The query of a list. Throws AdminError `malformed`. */
export function listQuery(request: FastifyRequest): ListQuery {
  const query = queryOf(request, ['limit', 'after', 'label', 'source']);
  const after = query.get('after');
  if (after !== undefined && !nameSchema.safeParse(after).success) throw refused('after', 'a name');
  const label = query.get('label');
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(label ?? '') ?? [];
  if (label !== undefined && key === undefined) throw refused('label', 'KEY=VALUE');
  const source = query.get('source');
  if (source !== undefined && source !== 'file' && source !== 'store') throw refused('source', 'file or store');
  return {
    limit: limitOf(query.get('limit')),
    after,
    source,
    ...(key !== undefined && value !== undefined && { label: [key, value] as const }),
  };
}

/** Whether a list, or a deletion, means proposals. Throws AdminError `malformed`. */
export function meansProposals(request: FastifyRequest): boolean {
  const text = /[?&]proposed(=|&|$)/.test(request.raw.url ?? '');
  if (text && queryOf(request, ['proposed']).get('proposed') !== 'true') throw refused('proposed', 'true, and alone');
  return text;
}

/** The query of one resource: of its history, where that is asked for. Throws AdminError `malformed`. */
export function historyQuery(request: FastifyRequest): HistoryQuery | undefined {
  const query = queryOf(request, ['history', 'before']);
  if (flagOf(query, 'history')) return { before: versionOf(query, 'before') };
  if (query.has('before')) throw new AdminError('malformed', { field: 'before', detail: 'is of a history' });
  return undefined;
}

/** How a put is wished, and the version whose document it is for. Throws AdminError `malformed`. */
export function putWish(request: FastifyRequest): Wish & { readonly rollback: number | undefined } {
  const query = queryOf(request, ['dryRun', 'why', 'replay', 'rollback']);
  const rollback = versionOf(query, 'rollback');
  if (rollback !== undefined && query.has('replay')) {
    throw new AdminError('malformed', { field: 'replay', detail: 'is not with rollback' });
  }
  return { ...wishOf(request, ['rollback']), rollback };
}

/** How a set is to be applied. Throws AdminError `malformed`. */
export function setWish(request: FastifyRequest): SetWish {
  const query = queryOf(request, ['set', 'prune', 'dryRun', 'why']);
  const set = query.get('set');
  if (!nameSchema.safeParse(set).success || set === undefined) throw refused('set', 'a name, a DNS label');
  const [prune, dryRun] = [flagOf(query, 'prune'), flagOf(query, 'dryRun')];
  return { traceId: request.id, set, prune, dryRun, why: whyOf(query) };
}

function versionOf(query: ReadonlyMap<string, string>, name: string): number | undefined {
  const value = query.get(name);
  if (value !== undefined && !/^[1-9][0-9]{0,14}$/.test(value)) throw refused(name, 'a version');
  return value === undefined ? undefined : Number(value);
}

/** How many items a page has. Throws AdminError `malformed`. */
export function limitOf(limit = String(DEFAULT_LIMIT)): number {
  if (!/^[1-9][0-9]{0,2}$/.test(limit) || Number(limit) > MAX_LIMIT) throw refused('limit', `1 to ${MAX_LIMIT}`);
  return Number(limit);
}

/** How a change is wished. Throws AdminError `malformed`. */
export function wishOf(request: FastifyRequest, more: readonly string[] = []): Wish {
  const query = queryOf(request, ['dryRun', 'why', 'replay', ...more]);
  const dryRun = flagOf(query, 'dryRun');
  if (query.has('replay') && !dryRun) throw refused('replay', 'with dryRun=true');
  const why = whyOf(query);
  const header = (name: string) => {
    const [value, second] = headerValues(request.raw.rawHeaders, name.toLowerCase());
    if (second !== undefined) throw new AdminError('malformed', { field: name, detail: 'is there twice' });
    return value?.trim();
  };
  const ifMatch = header('If-Match');
  return { traceId: request.id, dryRun, why, ifMatch, ifNoneMatch: header('If-None-Match') };
}

/** Seconds of a parameter that is a duration, or of its default. Throws AdminError `malformed`. */
export function durationOf(query: ReadonlyMap<string, string>, name: string, otherwise: string): number {
  const text = query.get(name) ?? otherwise;
  if (!duration.safeParse(text).success) throw refused(name, 'a duration such as 24h or 7d');
  return durationSeconds(text);
}

/** A parameter that is `true` or `false`; false where it is absent. Throws AdminError `malformed`. */
function flagOf(query: ReadonlyMap<string, string>, name: string): boolean {
  const value = query.get(name) ?? 'false';
  if (value !== 'true' && value !== 'false') throw refused(name, 'true or false');
  return value === 'true';
}

/** The caller's own words for a change. Throws AdminError `malformed`. */
function whyOf(query: ReadonlyMap<string, string>): string | undefined {
  const why = query.get('why');
  if (why === undefined || (WHY.test(why) && why.trim() !== '')) return why;
  throw refused('why', '1 to 256 printable characters');
}

/** The body as text: JSON or YAML, UTF-8. Throws AdminError `media_type` or `malformed`. */
export function bodyText(request: FastifyRequest): string {
  const types = headerValues(request.raw.rawHeaders, 'content-type');
  const encoded = headerValues(request.raw.rawHeaders, 'content-encoding').length > 0;
  if (types.length !== 1 || encoded || !MEDIA_TYPE.test(types[0] ?? '')) {
    throw new AdminError('media_type', { field: 'Content-Type' });
  }
  try {
    const body: unknown = request.body;
    return new TextDecoder('utf-8', { fatal: true }).decode(body instanceof Uint8Array ? body : new Uint8Array());
  } catch (cause) {
    throw new AdminError('malformed', { detail: 'the body is not UTF-8', cause });
  }
}

function refused(field: string, legal: string): AdminError {
  return new AdminError('malformed', { field, detail: `must be ${legal}` });
}
