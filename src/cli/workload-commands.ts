import { type Command, Option } from 'commander';
import type { DoctorOptions } from './doctor.ts';
import type { ExitCode } from './exit-code.ts';
import type { OnboardOptions } from './onboard.ts';
import type { Surroundings } from './surroundings.ts';

/** Adds `carnet onboard` and `carnet doctor`: the workload's side. */
export function addWorkloadCommands(program: Command, around: Surroundings, finish: (code: ExitCode) => void): void {
  program
    .command('onboard')
    .description('print what a workload needs to get the credentials of a mapping by its own SDK')
    .argument('<mapping>', 'the mapping')
    .addOption(new Option('--config <file>', 'the configuration').default('carnet.yaml'))
    .option('--endpoint <url>', 'the service as workloads reach it (default: CARNET_ENDPOINT)')
    .addOption(
      new Option('--as <form>', 'environment, a Pod, a Kustomize component, or files')
        .choices(['env', 'pod', 'kustomize', 'files'])
        .default('env'),
    )
    .option('--surface <name>', 'for AWS: container, web-identity or process')
    .option('--token-file <file>', 'where the workload finds its token', '/var/run/carnet/token')
    .option('--container <name>', 'the container in a manifest', 'app')
    .option('--namespace <name>', 'where the mapping selects any')
    .option('--service-account <name>', 'where the mapping selects any')
    .option('--out <folder>', 'write into a folder instead; nothing is overwritten')
    .action(async (mapping: string, options: OnboardOptions) => {
      const { onboard } = await import('./onboard.ts');
      finish(await onboard(mapping, options, around));
    });
  program
    .command('doctor')
    .description('find out from where a workload runs why it gets no credential; sends and prints no token')
    .option('--endpoint <url>', 'the service (default: CARNET_ENDPOINT)')
    .option('--token-file <file>', 'file with the workload token (default: CARNET_TOKEN_FILE)')
    .option('--audience <name>', 'what the token must be for: an audience of the TrustedIssuer')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .action(async (options: DoctorOptions) => {
      const { doctor } = await import('./doctor.ts');
      finish(await doctor(options, around));
    });
}
