import type { Coverage } from '../audit/history.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { AdminClient } from './admin-client.ts';
import { coverageLine } from './audit/coverage-line.ts';
import { coverageOf } from './audit/record-source.ts';
import { printable, type Style } from './style.ts';
import { table } from './table.ts';

/** Credentials that were issued and have not ended, as the admin API tells them. */
export interface OutstandingList {
  readonly outstanding: readonly JsonObject[];
  /** Beyond those. */
  readonly more: number;
  /** What was looked at, of each log. */
  readonly coverage: readonly Omit<Coverage, 'next'>[];
}

/** Asks the server what is still out of those that the filter means. Throws CommandError. */
export async function outstandingAt(
  client: AdminClient,
  filter: Readonly<Record<string, string>>,
): Promise<OutstandingList> {
  const { body } = await client.ask({ method: 'GET', path: 'audit', query: { outstanding: 'true', ...filter } });
  const { outstanding, more } = body;
  return {
    outstanding: Array.isArray(outstanding) ? outstanding.filter(isJsonObject) : [],
    more: typeof more === 'number' ? more : 0,
    coverage: [coverageOf(body)],
  };
}

/** What several logs tell, each credential once: replicas may write into one directory. First those that live longest. */
export function together(lists: readonly OutstandingList[]): OutstandingList {
  const found = new Map(lists.flatMap(({ outstanding }) => outstanding.map((one) => [one['id'], one] as const)));
  return {
    outstanding: [...found.values()].sort((a, b) => Number(b['secondsLeft']) - Number(a['secondsLeft'])),
    more: lists.reduce((sum, { more }) => sum + more, 0),
    coverage: lists.flatMap(({ coverage }) => coverage),
  };
}

/** Who has what for how long, then the commands that cut it off, each once. */
export function outstandingTable({ outstanding, more, coverage }: OutstandingList, style: Style): string {
  const covered = coverage.map((one) => coverageLine(one, style)).join('');
  if (outstanding.length === 0)
    return `nothing that was issued to them before is still alive, as far as this log tells\n${covered}`;
  const rows = outstanding.map(({ id, kind, target, mapping, namespace, serviceAccount, subject, secondsLeft }) => [
    lasting(Number(secondsLeft)),
    namespace === undefined ? text(subject) : `${text(namespace)}/${text(serviceAccount)}`,
    text(mapping),
    text(kind),
    text(target),
    text(id),
  ]);
  const heading = ['lives', 'workload', 'mapping', 'kind', 'target', 'credential'];
  const ways = new Set(
    outstanding.map(({ cutOff }) => {
      const { command, note } = isJsonObject(cutOff) ? cutOff : {};
      const said = `# ${text(note)}`;
      return command === undefined ? said : `${said}\n${text(command)}`;
    }),
  );
  const lines = [...ways].flatMap((way) => way.split('\n')).map((line) => `  ${printable(line)}\n`);
  const beyond = more > 0 ? `and ${more} more\n` : '';
  return `issued before, and still alive where they are accepted:\n${table(heading, rows, style)}${beyond}what cuts them off there:\n${lines.join('')}${covered}`;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '-';
}

function lasting(seconds: number): string {
  const minutes = Math.ceil(seconds / 60);
  if (minutes <= 1) return `${seconds} s`;
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
