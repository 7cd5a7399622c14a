import { CommandError, ExitCode } from './exit-code.ts';
import { CONFIGURATION, runService } from './run-service.ts';
import { printable, styleOf } from './style.ts';
import type { Surroundings } from './surroundings.ts';

/** Runs the `carnet` command. `args` are those after the program's name. Resolves to the exit code; never throws. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<number> {
  try {
    const config = configurationToServe(args);
    if (config !== undefined) return await runService({ config }, surroundings);
    const { runCommand } = await import('./commands.ts');
    return await runCommand(args, surroundings);
  } catch (error) {
    return explain(error, surroundings);
  }
}

/** The file in `serve` or `serve --config FILE`: a start of the service needs nothing that knows all other commands. */
function configurationToServe([command, option, file, ...others]: readonly string[]): string | undefined {
  if (command !== 'serve' || others.length > 0) return undefined;
  if (option === undefined) return CONFIGURATION;
  // What is empty is refused where all options are.
  return option === '--config' && file !== '' ? file : undefined;
}

function explain(error: unknown, { err, env }: Surroundings): ExitCode {
  const style = styleOf(err, env);
  const known = error instanceof CommandError;
  const message = error instanceof Error ? error.message : String(error);
  const text = known ? message : `unexpected: ${printable(message)}`;
  err.write(`${style('red', 'carnet:')} ${text}\n`);
  return known ? error.exitCode : ExitCode.internal;
}
