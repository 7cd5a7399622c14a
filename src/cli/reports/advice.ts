import { coverageLine } from '../audit/coverage-line.ts';
import { ExitCode } from '../exit-code.ts';
import { printable, printableJson, styleOf } from '../style.ts';
import type { Surroundings } from '../surroundings.ts';
import { askReport, type ReportOptions, textIn } from './ask-report.ts';

export interface AdviceOptions extends ReportOptions {
  readonly output: 'text' | 'json';
}

/**
 * `carnet advice`: what use of the mappings does not call for, as comments above each mapping as it would be, which
 * `carnet diff` and `apply` take. Resolves to the exit code.
 */
export async function advice(options: AdviceOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { out, err, env } = surroundings;
  const { rows, coverage, body } = await askReport('advice', options, surroundings);
  const style = styleOf(out, env);
  if (options.output === 'json') out.write(`${printableJson(body, 2)}\n`);
  else {
    for (const [mapping, about] of Map.groupBy(rows, (row) => textIn(row, 'mapping'))) {
      for (const row of about) {
        const says = printable(`${textIn(row, 'says')} (since ${coverage.from})`);
        out.write(
          `# ${style('bold', printable(mapping))}  ${style('yellow', printable(textIn(row, 'kind')))}  ${says}\n`,
        );
      }
      const [first = {}] = about;
      for (const line of textIn(first, 'change').trimEnd().split('\n')) out.write(`${printable(line)}\n`);
    }
    if (rows.length === 0) out.write(`# ${style('green', 'nothing to advise')}\n`);
  }
  err.write(coverageLine(coverage, styleOf(err, env)));
  return ExitCode.ok;
}
