import { Argument, type Command } from 'commander';
import { ExitCode } from './exit-code.ts';
import type { Surroundings } from './surroundings.ts';

/** Adds `carnet completion`, which knows every command that the program has by the time it runs. */
export function addCompletionCommand(program: Command, around: Surroundings, finish: (code: ExitCode) => void): void {
  program
    .command('completion')
    .description('print what completes this command line in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: 'bash' | 'zsh' | 'fish') => {
      const { completion } = await import('./completion.ts');
      around.out.write(completion(program, shell));
      finish(ExitCode.ok);
    });
}
