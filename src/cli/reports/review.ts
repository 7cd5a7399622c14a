import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { coverageLine } from '../audit/coverage-line.ts';
import { ExitCode } from '../exit-code.ts';
import { markdownTable } from '../markdown.ts';
import { printableJson, type Style, styleOf } from '../style.ts';
import type { Surroundings } from '../surroundings.ts';
import { table } from '../table.ts';
import { askReport, type ReportOptions, textIn } from './ask-report.ts';
import { csv } from './csv.ts';

export interface ReviewOptions extends ReportOptions {
  readonly output: 'table' | 'csv' | 'markdown' | 'json';
}

const HEADING = [
  'mapping',
  'owner',
  'who',
  'reaches',
  'intents',
  'last used',
  'used by',
  'accepted',
  'expires',
  're-attest by',
  'state',
];

/** `carnet review`: every mapping, for whoever has to say that it is still right. Resolves to the exit code. */
export async function review(options: ReviewOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { out, err, env } = surroundings;
  const { rows, coverage, body } = await askReport('review', options, surroundings);
  const cells = rows.map((row) => cellsOf(row, coverage.from));
  if (options.output === 'json') out.write(`${printableJson(body, 2)}\n`);
  else if (options.output === 'csv') out.write(csv(HEADING, cells));
  else if (options.output === 'markdown') out.write(markdownTable(HEADING, cells));
  else out.write(filledTable(cells, styleOf(out, env)));
  err.write(coverageLine(coverage, styleOf(err, env)));
  return ExitCode.ok;
}

/** Without the columns in which no mapping has anything: eleven are wider than most terminals. */
function filledTable(rows: readonly (readonly string[])[], style: Style): string {
  const filled = HEADING.map((_, column) => rows.length === 0 || rows.some((row) => row[column] !== ''));
  const kept = (row: readonly string[]) => row.filter((_, column) => filled[column]);
  return table(kept(HEADING), rows.map(kept), style);
}

function cellsOf(row: JsonObject, since: string): readonly string[] {
  const more = Number(row['moreWorkloads'] ?? 0);
  const workloads = Array.isArray(row['workloads']) ? row['workloads'].map(String) : [];
  const mode = textIn(row, 'mode');
  return [
    textIn(row, 'mapping'),
    textIn(row, 'owner'),
    textIn(row, 'subject'),
    `${textIn(row, 'kind')} ${textIn(row, 'targets')}`,
    textIn(row, 'intents'),
    textIn(row, 'lastUsed') || `not since ${since}`,
    [...workloads, ...(more > 0 ? [`and ${more} more`] : [])].join(', '),
    residual(row),
    textIn(row, 'expiresAt'),
    reattest(row),
    [textIn(row, 'state'), ...(mode === 'enforce' ? [] : [mode])].join(', '),
  ];
}

function residual({ residual: accepted }: JsonObject): string {
  if (accepted === undefined || !isJsonObject(accepted)) return '';
  return `${textIn(accepted, 'accept')}: ${textIn(accepted, 'reason')}`;
}

function reattest({ reattestBy }: JsonObject): string {
  if (reattestBy === undefined || !isJsonObject(reattestBy)) return '';
  return `${textIn(reattestBy, 'at')}${reattestBy['overdue'] === true ? ' (overdue)' : ''}`;
}
