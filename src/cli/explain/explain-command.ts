import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ExitCode } from '../exit-code.ts';
import type { Surroundings } from '../surroundings.ts';
import { toServer } from '../to-server.ts';
import type { ExplainOptions } from './explain.ts';
import type { WhyOptions } from './why.ts';

/** Adds `carnet explain` and `carnet why`. */
export function addExplainCommands(program: Command, around: Surroundings, finish: (code: ExitCode) => void): void {
  asking(program.command('explain').description('tell what would become of a request, gate by gate, and why'))
    .requiredOption('--address <name>', 'what is asked for, as in audience or resource')
    .option('--subject-token-file <file>', 'a token of the workload')
    .option('--issuer <name>', 'in place of a token: a TrustedIssuer, and who its token would tell of')
    .option('--namespace <name>', 'of a ServiceAccount')
    .option('--service-account <name>', 'its name')
    .option('--pod <name>', 'the token would be bound to this pod')
    .option('--claims <json>', 'claims of an OIDC token, a JSON object')
    .option('--scope <words>', 'as in a request')
    .option('--ttl <seconds>', 'as requested_expires_in', seconds)
    .option('--requested-token-type <urn>', 'as in a request')
    .action(async (options: ExplainOptions) => {
      const { explain } = await import('./explain.ts');
      finish(await explain(options, around));
    });
  asking(program.command('why').description('tell what became of a request, and what would today'))
    .argument('<trace>', 'the trace_id of its answer')
    .action(async (trace: string, options: WhyOptions) => {
      const { why } = await import('./why.ts');
      finish(await why(trace, options, around));
    });
}

function asking(command: Command): Command {
  return toServer(command).addOption(
    new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'),
  );
}

function seconds(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('give whole seconds above zero.');
  return Number(text);
}
