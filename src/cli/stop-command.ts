import { type Command, Option } from 'commander';
import type { ExitCode } from './exit-code.ts';
import type { StopOptions } from './stop.ts';
import type { Surroundings } from './surroundings.ts';
import { asSomebody } from './to-server.ts';

/** Adds `carnet stop`. */
export function addStopCommand(program: Command, around: Surroundings, finish: (code: ExitCode) => void): void {
  const command = program
    .command('stop')
    .description('stop issuing for whom it names, on every replica: writes a Guardrail that denies, as an owner')
    .option('--all', 'everybody')
    .option('--issuer <name>', 'a TrustedIssuer')
    .option('--mapping <name>', 'a FederationMapping')
    .option('--subject <namespace/serviceaccount>', 'a ServiceAccount; with --issuer that of one cluster')
    .option('--message <text>', 'why, for the audit log', 'stopped')
    .option('--endpoint <url...>', 'admin doors of the service, each is asked (default: CARNET_ENDPOINT, with commas)');
  asSomebody(command, 'the token of an owner')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .action(async (options: StopOptions) => {
      const { stop } = await import('./stop.ts');
      finish(await stop(options, around));
    });
}
