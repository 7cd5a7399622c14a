import { Command, Option } from 'commander';
import { PURPOSES } from '../authority/authority.ts';
import type { ExitCode } from './exit-code.ts';
import type { KeysOptions } from './keys-access.ts';
import type { Surroundings } from './surroundings.ts';

/** Adds `carnet keys …`. */
export function addKeysCommands(program: Command, around: Surroundings, finish: (code: ExitCode) => void): void {
  const keys = program.command('keys').description("work with Carnet's own signing keys, also while the service runs");
  const load = () => import('./keys.ts');
  command(keys, 'list', 'show the keys and when they rotate').action(async (options: KeysOptions) => {
    finish(await (await load()).listKeys(options, around));
  });
  command(keys, 'prepare', 'publish the next key now, ahead of the schedule').action(async (options: KeysOptions) => {
    finish(await (await load()).prepareKeys(options, around));
  });
  command(keys, 'activate', 'let the prepared key sign from now on')
    .option('--now', 'even if verifiers may not have seen it yet')
    .action(async (options: KeysOptions & { now?: boolean }) => {
      finish(await (await load()).activateKeys(options, around));
    });
  const revoke = new RevokeCommand('revoke').copyInheritedSettings(keys);
  keys.addCommand(revoke);
  described(revoke, 'take a key out of the published ones and out of signing, at once and for good')
    .argument('<kid>', 'the key, as carnet keys list shows it')
    .action(async (kid: string, options: KeysOptions) => {
      finish(await (await load()).revokeKey(kid, options, around));
    });
  command(keys, 'export', 'write discovery documents, key sets and the SPIFFE bundle into a folder for a bucket')
    .requiredOption('--out <folder>', 'what becomes the root of the bucket')
    .action(async (options: KeysOptions & { out: string }) => {
      const { exportDocuments } = await import('./keys-export.ts');
      finish(await exportDocuments(options, around));
    });
}

/**
 * A `kid` is a hash in base64url (RFC 7638), so one in 64 begins with a hyphen. Whoever copies one out of `carnet keys
 * list` means that key, and no option: commander would read `-oXY…` as `--output XY…`.
 */
class RevokeCommand extends Command {
  override parseOptions(args: string[]): ReturnType<Command['parseOptions']> {
    const kid = args.findIndex((arg) => /^-[\w-]{42}$/.test(arg));
    if (kid < 0 || args.includes('--')) return super.parseOptions(args);
    return super.parseOptions([...args.toSpliced(kid, 1), '--', args[kid] ?? '']);
  }
}

function command(keys: Command, name: string, description: string): Command {
  return described(keys.command(name), description);
}

function described(command: Command, description: string): Command {
  return command
    .description(description)
    .addOption(new Option('--config <file>', 'the configuration').default('carnet.yaml'))
    .addOption(new Option('--purpose <purpose>', 'only the keys of one purpose').choices(PURPOSES))
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'json']).default('table'));
}
