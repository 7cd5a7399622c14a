import { type Command, InvalidArgumentError, Option } from 'commander';
import { duration } from '../../resources/duration.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Surroundings } from '../surroundings.ts';
import { toServer } from '../to-server.ts';
import type { AdviceOptions } from './advice.ts';
import type { PromotionOptions } from './promotion.ts';
import type { ReviewOptions } from './review.ts';

/** Adds `carnet review`, `advice` and `promote-report`: what the audit log tells of mappings. */
export function addReportCommands(program: Command, around: Surroundings, finish: (code: ExitCode) => void): void {
  report(program.command('review'), 'list every mapping: who reaches what, owner, last use, what is accepted', [
    'table',
    'csv',
    'markdown',
    'json',
  ]).action(async (options: ReviewOptions) => {
    const { review } = await import('./review.ts');
    finish(await review(options, around));
  });
  report(program.command('advice'), 'say which mappings give more than their use calls for, with the change', [
    'text',
    'json',
  ]).action(async (options: AdviceOptions) => {
    const { advice } = await import('./advice.ts');
    finish(await advice(options, around));
  });
  report(program.command('promote-report'), 'say what enforcing mappings of mode report or shadow would have changed', [
    'text',
    'json',
  ])
    .option('--mapping <name>', 'this one alone; ends with 1 unless it is safe to enforce')
    .action(async (options: PromotionOptions) => {
      const { promotion } = await import('./promotion.ts');
      finish(await promotion(options, around));
    });
}

function report(command: Command, description: string, formats: readonly [string, ...string[]]): Command {
  const described = command.description(description).option('--window <duration>', 'how far back', window, '30d');
  return toServer(described, 'the token of an auditor or owner').addOption(
    new Option('-o, --output <format>', 'how to print').choices(formats).default(formats[0]),
  );
}

function window(text: string): string {
  if (!duration.safeParse(text).success) throw new InvalidArgumentError('give a duration such as 24h or 30d.');
  return text;
}
