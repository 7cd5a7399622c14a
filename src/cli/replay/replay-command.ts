import { type Command, Option } from 'commander';
import type { DiffOptions } from '../diff/diff.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Surroundings } from '../surroundings.ts';
import { toServer } from '../to-server.ts';
import type { ReplayCommandOptions } from './replay.ts';

/** Adds `carnet replay` and `carnet diff`. */
export function addReplayCommands(program: Command, around: Surroundings, finish: (code: ExitCode) => void): void {
  common(program.command('replay'))
    .description('tell what documents would have done to the requests of the last days')
    .argument('<file...>', 'files or folders: each document takes the place of what has its kind and name')
    .option('--window <duration>', 'how far back', '7d')
    .option('--config <file>', 'without a server: the resources, store and audit directory of this configuration')
    .option('--all', 'the documents are all that there will be')
    .action(async (files: string[], options: ReplayCommandOptions) => {
      const { replay } = await import('./replay.ts');
      finish(await replay(files, options, around));
    });
  common(program.command('diff'))
    .description('compare documents with what a server has, field by field')
    .argument('<file...>', 'files or folders; - is standard input')
    .option('--against <file...>', 'files or folders in the place of a server')
    .option('--replay <duration>', 'also tell what they would have done to the requests of this time')
    .option('--config <file>', 'with --replay: without a server, as carnet replay does')
    .option('--all', 'what the documents lack counts as removed')
    .action(async (files: string[], options: DiffOptions) => {
      const { diff } = await import('../diff/diff.ts');
      finish(await diff(files, options, around));
    });
}

function common(command: Command): Command {
  return toServer(command, 'the token of somebody who may')
    .addOption(
      new Option('-o, --output <format>', 'how to print').choices(['text', 'markdown', 'json']).default('text'),
    )
    .addOption(new Option('--fail-on <what>', 'end with 4 when requests would flip').choices(['flips']));
}
