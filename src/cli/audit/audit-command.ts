import { type Command, InvalidArgumentError, Option } from 'commander';
import { RECORD_TYPES } from '../../audit/record.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Surroundings } from '../surroundings.ts';
import { toServer } from '../to-server.ts';
import type { QueryOptions } from './audit-query.ts';
import type { TailOptions } from './audit-tail.ts';

/** Adds `carnet audit`. */
export function addAuditCommands(program: Command, around: Surroundings, finish: (code: ExitCode) => void): void {
  const audit = program.command('audit').description('work with the audit log');
  audit
    .command('verify')
    .description('check that no record was changed, left out or cut off')
    .addOption(new Option('--config <file>', 'the configuration').default('carnet.yaml'))
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .action(async (options: { config: string; output: 'text' | 'json' }) => {
      const { auditVerify } = await import('./audit-verify.ts');
      finish(await auditVerify(options, around));
    });
  filtered(audit.command('query').description('show records, newest first'))
    .option('--from <instant>', 'records from then on: an RFC 3339 instant in UTC, or a duration ago such as 24h')
    .option('--until <instant>', 'records before then')
    .option('--limit <number>', 'how many at most', limit, 100)
    .action(async (options: QueryOptions) => {
      const { auditQuery } = await import('./audit-query.ts');
      finish(await auditQuery(options, around));
    });
  filtered(audit.command('tail').description('show the last records and each that follows, until Ctrl-C')).action(
    async (options: TailOptions) => {
      const { auditTail } = await import('./audit-tail.ts');
      finish(await auditTail(options, around));
    },
  );
}

function filtered(command: Command): Command {
  const toRead = command
    .addOption(new Option('--type <word>', 'what it is a record of').choices(RECORD_TYPES))
    .option('--outcome <word>', 'how it ended')
    .option('--issuer <name>', 'a TrustedIssuer')
    .option('--namespace <name>', 'of a Kubernetes identity')
    .option('--service-account <name>', 'of a Kubernetes identity')
    .option('--mapping <name>', 'a FederationMapping: what it decided, and changes of it')
    .option('--trace <id>', 'the trace_id of an answer')
    .option('--reason <word>', 'why it was refused')
    .option('--credential <id>', 'a jti, serial or access key id')
    .option('--config <file>', 'read the directory of this configuration, and ask no server');
  return toServer(toRead, 'the token of an auditor or owner').addOption(
    new Option('-o, --output <format>', 'default: table on a terminal, else JSON lines').choices(['table', 'json']),
  );
}

function limit(text: string): number {
  if (!/^[1-9][0-9]{0,6}$/.test(text)) throw new InvalidArgumentError('give a whole number from 1 to 9999999.');
  return Number(text);
}
