import { duration } from '../../resources/duration.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { printableJson, styleOf } from '../style.ts';
import type { Surroundings } from '../surroundings.ts';
import { replayMarkdown, replayText } from './print-replay.ts';
import { proposedDocuments } from './proposed-documents.ts';
import { flipCount } from './replay-report.ts';
import { type ReplayOptions, runReplay } from './run-replay.ts';

export interface ReplayCommandOptions extends ReplayOptions {
  readonly output: 'text' | 'markdown' | 'json';
  readonly failOn?: 'flips';
}

/** `carnet replay`: what documents would have done to the requests of a window. Resolves to the exit code. */
export async function replay(
  files: readonly string[],
  options: ReplayCommandOptions,
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { out, env } = surroundings;
  assertWindow(options.window, '--window');
  if (options.config !== undefined && options.endpoint !== undefined)
    throw new CommandError(ExitCode.usage, 'give --config or --endpoint, not both');
  const { text } = await proposedDocuments(files, surroundings);
  const found = await runReplay(text, options, surroundings);
  if (options.output === 'json') out.write(`${printableJson(found, 2)}\n`);
  else if (options.output === 'markdown') out.write(replayMarkdown(found, options.window));
  else out.write(replayText(found, styleOf(out, env)));
  return options.failOn === 'flips' && flipCount(found) > 0 ? ExitCode.flips : ExitCode.ok;
}

/** Throws CommandError `usage`. */
export function assertWindow(text: string, option: string): void {
  if (!duration.safeParse(text).success)
    throw new CommandError(ExitCode.usage, `${option} is a duration such as 24h or 7d`);
}
