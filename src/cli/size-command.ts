import { type Command, InvalidArgumentError, Option } from 'commander';
import { duration, durationSeconds } from '../resources/duration.ts';
import type { ExitCode } from './exit-code.ts';
import type { SizeOptions } from './size.ts';
import type { Surroundings } from './surroundings.ts';

/** Adds `carnet size`. */
export function addSizeCommand(program: Command, around: Surroundings, finish: (code: ExitCode) => void): void {
  program
    .command('size')
    .description('reckon replicas, calls to clouds and audit bytes for so many pods, from measured costs')
    .requiredOption('--pods <number>', 'pods that ask', pods)
    .requiredOption('--ttl <duration>', 'life of their credentials, as in 1h', ttl)
    .option('--replicas-cores <number>', 'CPU of one replica, as in 0.5', cores, 1)
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'json']).default('table'))
    .action(async (options: SizeOptions) => {
      const { size } = await import('./size.ts');
      finish(size(options, around));
    });
}

function pods(text: string): number {
  if (!/^[1-9][0-9]{0,7}$/.test(text)) throw new InvalidArgumentError('give a whole number from 1 to 99999999.');
  return Number(text);
}

function ttl(text: string): number {
  const { success } = duration.safeParse(text);
  const seconds = success ? durationSeconds(text) : 0;
  if (seconds < 60 || seconds > 7 * 86_400) throw new InvalidArgumentError('give a duration from 1m to 7d.');
  return seconds;
}

function cores(text: string): number {
  const value = /^[0-9]{1,3}(\.[0-9]{1,3})?$/.test(text) ? Number(text) : 0;
  if (value < 0.1) throw new InvalidArgumentError('give a number of cores from 0.1.');
  return value;
}
