import { type Command, Option } from 'commander';
import { ACCESS_STATES } from '../../resources/access-request.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Surroundings } from '../surroundings.ts';
import { toServer } from '../to-server.ts';
import type { DecideOptions, ListOptions, RequestOptions, ShowOptions } from './access.ts';

/** Adds `carnet access`: asking for just-in-time access, and deciding on it. */
export function addAccessCommands(program: Command, around: Surroundings, finish: (code: ExitCode) => void): void {
  const access = program.command('access').description('just-in-time access: ask for it, and decide on it');
  const output = () => new Option('-o, --output <format>', 'how to print').choices(['table', 'json']).default('table');
  toServer(access.command('list'))
    .description('list access requests')
    .addOption(new Option('--state <state>', 'only those in this state').choices([...ACCESS_STATES]))
    .option('--mapping <name>', 'only those of this mapping')
    .addOption(output())
    .action(async (options: ListOptions) => {
      const { listAccess } = await import('./access.ts');
      finish(await listAccess(options, around));
    });
  toServer(access.command('show'))
    .description('show an access request, and who may approve it')
    .argument('<name>', 'the access request')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .action(async (name: string, options: ShowOptions) => {
      const { showAccess } = await import('./access.ts');
      finish(await showAccess(name, options, around));
    });
  for (const decision of ['approve', 'deny', 'withdraw'] as const) {
    toServer(access.command(decision))
      .description(DESCRIPTIONS[decision])
      .argument('<name>', 'the access request')
      .option('--why <text>', 'for whoever reads the audit log')
      .option('--dry-run', 'tell what would become of it, and change nothing')
      .action(async (name: string, options: DecideOptions) => {
        const { decideOnAccess } = await import('./access.ts');
        finish(await decideOnAccess(name, decision, options, around));
      });
  }
  toServer(access.command('request'))
    .description('ask for access on behalf of a workload; prints the name of the request')
    .requiredOption('--mapping <name>', 'the mapping')
    .requiredOption('--issuer <name>', 'the TrustedIssuer of the workload')
    .requiredOption('--subject <who>', 'NAMESPACE/SERVICEACCOUNT of a cluster, or the sub of another issuer')
    .option('--reason <text>', 'why')
    .option('--duration <duration>', 'for how long (default: as long as the mapping lets it)')
    .option('--break-glass', 'open it alone, as a member of the group that the mapping names')
    .option('--dry-run', 'tell what would be asked, and change nothing')
    .action(async (options: RequestOptions) => {
      const { requestAccess } = await import('./access.ts');
      finish(await requestAccess(options, around));
    });
}

const DESCRIPTIONS = {
  approve: 'approve an access request',
  deny: 'deny an access request',
  withdraw: 'take an access request back, or end access that was approved',
};
