import type { Command } from 'commander';

/** Adds the options by which a command finds the admin API, and says as whom it asks: `AdminOptions`. */
export function toServer(command: Command, token = 'your own token'): Command {
  return asSomebody(
    command.option('--endpoint <url>', 'the admin door of the service (default: CARNET_ENDPOINT)'),
    token,
  );
}

/** Whose token, from a file or from a command that prints it. */
export function asSomebody(command: Command, token: string): Command {
  return command
    .option('--token-file <file>', `file with ${token} (default: CARNET_TOKEN_FILE)`)
    .option('--token-command <command>', 'instead of a file: a shell command that prints it');
}
