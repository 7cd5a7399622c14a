import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { coverageLine } from '../audit/coverage-line.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { printable, printableJson, type Style, styleOf } from '../style.ts';
import type { Surroundings } from '../surroundings.ts';
import { askReport, objectsIn, type ReportOptions, textIn } from './ask-report.ts';

export interface PromotionOptions extends ReportOptions {
  /** One mapping: the exit code then says whether it is safe to enforce. */
  readonly mapping?: string;
  readonly output: 'text' | 'json';
}

const VERDICTS = {
  safe: ['green', 'safe to enforce'],
  refuses: ['red', 'not safe to enforce'],
  unused: ['yellow', 'nobody asked: nothing is known'],
} as const;

/** `carnet promote-report`: what enforcing mappings that report, or are shadows, would have changed. Resolves to the exit code. */
export async function promotion(options: PromotionOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { out, err, env } = surroundings;
  const { rows, coverage, body } = await askReport('promotion', options, surroundings);
  const { mapping } = options;
  const wanted = mapping === undefined ? rows : rows.filter((row) => row['mapping'] === mapping);
  if (mapping !== undefined && wanted.length === 0) {
    throw new CommandError(ExitCode.refused, `${printable(mapping)} is no mapping of mode report or shadow`);
  }
  const style = styleOf(out, env);
  if (options.output === 'json') out.write(`${printableJson({ ...body, promotion: wanted }, 2)}\n`);
  else if (wanted.length === 0) out.write('every mapping enforces\n');
  else for (const row of wanted) out.write(text(row, style));
  err.write(coverageLine(coverage, styleOf(err, env)));
  const isSafe = coverage.complete && wanted.every((row) => row['verdict'] === 'safe');
  return mapping === undefined || isSafe ? ExitCode.ok : ExitCode.refused;
}

function text(row: JsonObject, style: Style): string {
  const verdict = row['verdict'];
  const known = verdict === 'safe' || verdict === 'refuses' ? verdict : 'unused';
  const [colour, says] = VERDICTS[known];
  const until = row['until'] === undefined ? '' : ` until ${textIn(row, 'until')}`;
  const head = `${style('bold', printable(textIn(row, 'mapping')))}  ${printable(textIn(row, 'mode') + until)}  ${style(colour, says)}\n`;
  const reasons = row['reasons'];
  const why = reasons === undefined || !isJsonObject(reasons) ? [] : Object.entries(reasons);
  const because = why.map(([reason, count]) => `${reason} ${String(count)}`).join(', ');
  const counts = `  of ${textIn(row, 'requests')} requests it would refuse ${textIn(row, 'refuses')} that are served`;
  const wider = `, and serve ${textIn(row, 'allows')} that are refused`;
  const lines = [
    `${counts}${because === '' ? '' : ` (${because})`}${wider}`,
    ...objectsIn(row['refused']).map((one) => example('refuse', one)),
    ...objectsIn(row['allowed']).map((one) => example('serve', one)),
  ];
  return [head, ...lines.map((line) => `${printable(line)}\n`)].join('');
}

function example(would: string, one: JsonObject): string {
  const parts = ['at', 'workload', 'reason', 'detail', 'traceId'].map((member) => textIn(one, member));
  return `  would ${would}  ${parts.filter((part) => part !== '').join('  ')}`;
}
