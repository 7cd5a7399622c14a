import { type Command, Option } from 'commander';
import { CommandError, ExitCode } from '../exit-code.ts';
import type { Surroundings } from '../surroundings.ts';
import { toServer } from '../to-server.ts';
import type { ApplyOptions } from './apply.ts';
import type { ChangeOptions } from './change-one.ts';
import type { GetOptions } from './get.ts';

interface Proposed {
  readonly proposed?: boolean;
}

/** Adds `carnet apply`, `get`, `delete` and `rollback`. */
export function addResourceCommands(program: Command, around: Surroundings, finish: (code: ExitCode) => void): void {
  changing(toServer(program.command('apply').description('make a set of resources what files say, all or nothing')))
    .requiredOption('-f, --file <path...>', 'files and folders; - is standard input')
    .requiredOption('--set <name>', 'the set; no document of another set or of none is touched')
    .option('--prune', 'delete what the set has and the files lack')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .action(async (options: ApplyOptions) => {
      const { apply } = await import('./apply.ts');
      finish(await apply(options, around));
    });
  toServer(program.command('get').description('show resources: all of a kind, one, or the versions of one'))
    .argument('<kind>', 'issuers, mappings, guardrails or grants')
    .argument('[name]', 'of one')
    .option('--history', 'every version of it, the newest first')
    .addOption(new Option('--proposed', 'of a kind: what waits for a second person').conflicts('history'))
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'yaml', 'json']).default('table'))
    .action(async (kind: string, name: string | undefined, { proposed, ...options }: GetOptions & Proposed) => {
      if (proposed === true) {
        if (name !== undefined) throw new CommandError(ExitCode.usage, '--proposed is of a KIND, without a NAME');
        const { listProposals } = await import('./proposals.ts');
        return finish(await listProposals(kind, options, around));
      }
      const { get } = await import('./get.ts');
      finish(await get({ kind, name }, options, around));
    });
  changing(toServer(program.command('delete').description('delete a resource of the store')))
    .argument('<kind>', 'issuers, mappings, guardrails or grants')
    .argument('<name>')
    .addOption(new Option('--proposed', 'take back what you have proposed about it').conflicts(['dryRun', 'why']))
    .action(async (kind: string, name: string, { proposed, ...options }: ChangeOptions & Proposed) => {
      if (proposed === true) {
        const { withdrawProposals } = await import('./proposals.ts');
        return finish(await withdrawProposals({ kind, name }, options, around));
      }
      const { deleteOne } = await import('./change-one.ts');
      finish(await deleteOne({ kind, name }, options, around));
    });
  changing(toServer(program.command('rollback').description('put back what a resource was at a version')))
    .argument('<kind>', 'issuers, mappings, guardrails or grants')
    .argument('<name>')
    .argument('<version>', 'as carnet get --history shows it')
    .action(async (kind: string, name: string, version: string, options: ChangeOptions) => {
      const { rollback } = await import('./change-one.ts');
      finish(await rollback({ kind, name, version }, options, around));
    });
}

function changing(command: Command): Command {
  return command
    .option('--dry-run', 'tell what would change, and change nothing')
    .option('--why <text>', 'in your own words, for the history and the audit log');
}
