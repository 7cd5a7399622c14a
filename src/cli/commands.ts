import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { addAccessCommands } from './access/access-command.ts';
import { addAuditCommands } from './audit/audit-command.ts';
import { addCompletionCommand } from './completion-command.ts';
import type { ExchangeOptions } from './exchange.ts';
import { ExitCode } from './exit-code.ts';
import { addExplainCommands } from './explain/explain-command.ts';
import type { IssuerImportOptions } from './issuer-import.ts';
import { addKeysCommands } from './keys-command.ts';
import { addReplayCommands } from './replay/replay-command.ts';
import { addReportCommands } from './reports/reports-command.ts';
import { addResourceCommands } from './resources/resource-commands.ts';
import { CONFIGURATION, runService } from './run-service.ts';
import { addSizeCommand } from './size-command.ts';
import { addStopCommand } from './stop-command.ts';
import type { Surroundings } from './surroundings.ts';
import { addTrustCommands } from './trust-command.ts';
import { addWorkloadCommands } from './workload-commands.ts';

/** Runs the command that `args` name. Resolves to the exit code; throws what the command throws. */
export async function runCommand(args: readonly string[], surroundings: Surroundings): Promise<number> {
  let exitCode: number = ExitCode.ok;
  const program = commands(surroundings, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // It has already said what was wrong with the arguments; help and version end well.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
    throw error;
  }
}

function commands(surroundings: Surroundings, finish: (code: number) => void): Command {
  const program = new Command('carnet')
    .description('A security token service: a workload token in, one narrow short-lived credential out.')
    .version(version(), '--version', 'print the version')
    .helpOption('--help', 'print help')
    .configureOutput({
      writeOut: (text) => surroundings.out.write(text),
      writeErr: (text) => surroundings.err.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'carnet: ')),
      getOutHasColors: () => surroundings.out.isTTY === true,
      getErrHasColors: () => surroundings.err.isTTY === true,
    })
    .enablePositionalOptions()
    .exitOverride();
  // Modules load when their command is chosen: `exchange` in a pod needs none of the server.
  program
    .command('serve')
    .description('run the service')
    .addOption(configOption())
    .action(async (options: { config: string }) => finish(await runService(options, surroundings)));
  program
    .command('check')
    .description('find faults in resource documents, or in all that the configuration names')
    .argument('[file...]', 'files or folders instead of those in the configuration')
    .option('--config <file>', 'the configuration (default: carnet.yaml where there is one)')
    .addOption(outputOption('text', 'json'))
    .action(async (files: string[], options: { config?: string; output: 'text' | 'json' }) => {
      const { check } = await import('./check.ts');
      finish(await check(files, options, surroundings));
    });
  program
    .command('schema')
    .description('print the JSON Schema of resource documents, for editors')
    .action(async () => {
      const { schema } = await import('./schema.ts');
      finish(schema(surroundings));
    });
  program
    .command('exchange')
    .description('exchange a token for a credential; print it, or run a command with it')
    .argument('[command...]', 'after --: a command that gets the credential in its environment')
    .option('--endpoint <url>', 'the service (default: CARNET_ENDPOINT)')
    .option('--token-file <file>', 'file with the workload token (default: CARNET_TOKEN_FILE)')
    .option('--token-command <command>', 'instead of a file: a shell command that prints the workload token')
    .option('--audience <address>', 'what the credential is for (required)')
    .option('--requested-token-type <urn>', 'the type that the answer must have')
    .option('--expires-in <seconds>', 'a shorter life than the default', seconds)
    .option('--wait', 'where somebody has to approve first: wait for it')
    .addOption(new Option('--wait-for <duration>', 'how long; implies --wait').default('30m').implies({ wait: true }))
    .addOption(outputOption('text', 'json', 'credential-process'))
    .passThroughOptions()
    .action(async (command: string[], options: ExchangeOptions) => {
      const { exchange } = await import('./exchange.ts');
      finish(await exchange(options, command, surroundings));
    });
  addAccessCommands(program, surroundings, finish);
  addAuditCommands(program, surroundings, finish);
  addKeysCommands(program, surroundings, finish);
  addSizeCommand(program, surroundings, finish);
  program
    .command('issuer')
    .description('whose tokens are accepted')
    .command('import')
    .description('write TrustedIssuers for contexts of a kubeconfig, and tell what was reachable and why not')
    .option('--contexts <names>', "names of contexts, as in 'prod-*' (required)")
    .option('--kubeconfig <file>', 'the kubeconfig (default: KUBECONFIG, else ~/.kube/config)')
    .option('--audience <name>', 'the audience of their tokens; clusters of one issuer get /NAME after it', 'carnet')
    .option('--out <file>', 'the file to write; what it names is written beside it')
    .addOption(outputOption('table', 'json'))
    .action(async (options: IssuerImportOptions) => {
      const { issuerImport } = await import('./issuer-import.ts');
      finish(await issuerImport(options, surroundings));
    });
  addTrustCommands(program, surroundings, finish);
  addResourceCommands(program, surroundings, finish);
  addStopCommand(program, surroundings, finish);
  addCompletionCommand(program, surroundings, finish);
  addExplainCommands(program, surroundings, finish);
  addReplayCommands(program, surroundings, finish);
  addReportCommands(program, surroundings, finish);
  addWorkloadCommands(program, surroundings, finish);
  judgeOptions(program);
  return program;
}

/**
 * Refuses what a script with a mistake gives: an empty value, which as a path would be the working directory, and a second
 * value, which would win without a word, so that `stop --mapping a --mapping b` would stop one of them.
 */
function judgeOptions(command: Command): void {
  for (const option of command.options) {
    let isGiven = false;
    command.on(`option:${option.name()}`, (value: unknown) => {
      if (value === '') command.error(`error: option '${option.flags}' is empty`);
      if (isGiven && option.required && !option.variadic)
        command.error(`error: option '${option.flags}' is given twice`);
      isGiven = true;
    });
  }
  command.commands.forEach(judgeOptions);
}

function configOption(): Option {
  return new Option('--config <file>', 'the configuration').default(CONFIGURATION);
}

function outputOption(first: string, ...others: readonly string[]): Option {
  return new Option('-o, --output <format>', 'how to print').choices([first, ...others]).default(first);
}

function seconds(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('give whole seconds above zero.');
  return Number(text);
}

function version(): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  return manifest.version;
}
