import { isJsonObject } from '../../core/json.ts';
import { type AdminOptions, adminClient } from '../admin-client.ts';
import { coverageLine } from '../audit/coverage-line.ts';
import { coverageOf } from '../audit/record-source.ts';
import { ExitCode } from '../exit-code.ts';
import { printable, printableJson, styleOf } from '../style.ts';
import type { Surroundings } from '../surroundings.ts';
import { explanationText } from './explanation-text.ts';

export interface WhyOptions extends AdminOptions {
  readonly output: 'text' | 'json';
}

/** `carnet why TRACE`: what became of a request, and what would today. Resolves to the exit code. */
export async function why(trace: string, options: WhyOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { out, err, env } = surroundings;
  const client = adminClient(options, surroundings);
  const { body } = await client.ask({ method: 'POST', path: 'explain', body: { trace } });
  if (options.output === 'json') {
    out.write(`${printableJson(body, 2)}\n`);
    return ExitCode.ok;
  }
  const { story, today } = body;
  for (const line of Array.isArray(story) ? story : []) out.write(`${printable(String(line))}\n`);
  if (today !== undefined && isJsonObject(today)) out.write(`\n${explanationText(today, styleOf(out, env))}`);
  err.write(coverageLine(coverageOf(body), styleOf(err, env)));
  return ExitCode.ok;
}
