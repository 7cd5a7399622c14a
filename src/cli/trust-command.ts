import { type Command, Option } from 'commander';
import type { ExitCode } from './exit-code.ts';
import type { Surroundings } from './surroundings.ts';
import { CLOUD_NAMES, CLOUDS } from './trust/clouds.ts';
import type { TrustCloudOptions } from './trust-cloud.ts';
import type { TrustKubernetesOptions } from './trust-kubernetes.ts';

/** Adds `carnet trust …`. */
export function addTrustCommands(program: Command, around: Surroundings, finish: (code: ExitCode) => void): void {
  const trust = program
    .command('trust')
    .description('print what the other side must be told to trust Carnet, and check it');
  for (const cloud of CLOUD_NAMES) {
    trust
      .command(cloud)
      .description(CLOUDS[cloud])
      .argument('[mapping]', 'the mapping whose cloud has to trust Carnet')
      .option('--all', 'all mappings with such a target, instead of one')
      .addOption(configOption())
      .option('--against <file>', 'compare with what the cloud has, as the read script printed it; - is standard input')
      .addOption(
        new Option('-o, --output <format>', 'how to print')
          .choices(['text', 'json', 'terraform', 'read-script'])
          .default('text'),
      )
      .action(async (mapping: string | undefined, options: TrustCloudOptions) => {
        const { trustCloud } = await import('./trust-cloud.ts');
        finish(await trustCloud(cloud, mapping, options, around));
      });
  }
  trust
    .command('kubernetes')
    .description('an AuthenticationConfiguration: an API server that accepts JWT-SVIDs')
    .addOption(configOption())
    .option('--audience <name>', 'the audience of this API server alone (required)')
    .option('--ca-file <file>', 'certificates of the authority behind the issuer, where it is a private one')
    .option('--discovery-url <url>', 'where the API server reads discovery, when not below the issuer')
    .action(async (options: TrustKubernetesOptions) => {
      const { trustKubernetes } = await import('./trust-kubernetes.ts');
      finish(trustKubernetes(options, around));
    });
}

function configOption(): Option {
  return new Option('--config <file>', 'the configuration').default('carnet.yaml');
}
