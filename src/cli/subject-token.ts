import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { Secret } from '../core/secret.ts';
import { outputOf } from './child-command.ts';
import { CommandError, ExitCode } from './exit-code.ts';
import type { Surroundings } from './surroundings.ts';

const MAX_TOKEN_BYTES = 16 * 1024;
/** With blanks around it. */
const MAX_READ_BYTES = MAX_TOKEN_BYTES + 1024;
const COMMAND_TIMEOUT_MS = 30_000;

/** Where the workload token comes from: a file, or the output of a shell command. */
export interface TokenSource {
  readonly tokenFile?: string;
  readonly tokenCommand?: string;
}

/** The workload token, without blanks around it. Throws CommandError, which holds nothing of it. */
export async function readSubjectToken(source: TokenSource, surroundings: Surroundings): Promise<Secret> {
  const { tokenFile, tokenCommand } = source;
  if (tokenCommand === undefined) return await fromFile(tokenFile, surroundings);
  if (tokenFile === undefined) return await fromCommand(tokenCommand, surroundings);
  throw new CommandError(ExitCode.usage, 'give --token-file or --token-command, not both');
}

async function fromFile(option: string | undefined, surroundings: Surroundings): Promise<Secret> {
  const file = option ?? surroundings.env['CARNET_TOKEN_FILE'];
  if (!file) throw new CommandError(ExitCode.usage, 'name the token: --token-file FILE or CARNET_TOKEN_FILE');
  return await tokenOfFile(file, surroundings);
}

/** The token that a file holds, without blanks around it. Throws CommandError, which holds nothing of it. */
export async function tokenOfFile(file: string, surroundings: Surroundings): Promise<Secret> {
  const read = await textOfTokenFile(file, surroundings).catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(ExitCode.configuration, `cannot read the token file ${file} (${error.code})`);
  });
  return tokenIn(read, `the token file ${file} is`);
}

/** As it is, and of one without an end only more than a token may have. Throws as the file system does. */
export async function textOfTokenFile(file: string, { workingDirectory }: Surroundings): Promise<string> {
  return await text(createReadStream(resolve(workingDirectory, file), { end: MAX_READ_BYTES }));
}

/** CI systems give no file: their jobs ask for a token each time one is needed, so that it is fresh. */
async function fromCommand(command: string, { env }: Surroundings): Promise<Secret> {
  const limits = { maxCharacters: MAX_READ_BYTES, timeoutMs: COMMAND_TIMEOUT_MS };
  const { exitCode, output } = await outputOf(['sh', '-c', command], env, limits);
  if (exitCode !== 0) {
    const how = exitCode === null ? 'took over 30 s or printed over 16 KiB' : `ended with ${exitCode}`;
    throw new CommandError(ExitCode.configuration, `the token command ${how}`);
  }
  return tokenIn(output, 'what the token command printed is');
}

function tokenIn(read: string, what: string): Secret {
  const token = read.trim();
  if (token === '' || token.length > MAX_TOKEN_BYTES || read.length > MAX_READ_BYTES) {
    throw new CommandError(ExitCode.configuration, `${what} empty or larger than 16 KiB`);
  }
  return new Secret(token);
}
