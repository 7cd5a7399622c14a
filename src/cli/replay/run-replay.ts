import type { Replay } from '../../admin/replay/replay.ts';
import { isJsonObject, type JsonValue } from '../../core/json.ts';
import { type AdminOptions, adminClient } from '../admin-client.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import type { Surroundings } from '../surroundings.ts';

export interface ReplayOptions extends AdminOptions {
  /** Present: the local audit directory and resources of this configuration, without a server. */
  readonly config?: string;
  readonly window: string;
  /** Nothing of what is in force stays but what the documents say again. */
  readonly all?: boolean;
}

/** A replay by the server, or by this process. Throws CommandError. */
export async function runReplay(text: string, options: ReplayOptions, surroundings: Surroundings): Promise<Replay> {
  if (options.config !== undefined) {
    const { localReplay } = await import('./local-replay.ts');
    return localReplay(text, { ...options, config: options.config }, surroundings);
  }
  const client = adminClient(options, surroundings);
  const query = { window: options.window, replace: options.all ? 'all' : 'same' };
  const { err } = surroundings;
  if (err.isTTY === true) err.write(`replaying ${options.window} at ${client.endpoint.origin} ...`);
  try {
    const { body } = await client.ask({ method: 'POST', path: 'replay', query, body: text });
    if (!isReplay(body))
      throw new CommandError(ExitCode.unavailable, 'the server answered something else than a replay');
    return body;
  } finally {
    if (err.isTTY === true) err.write('\r\u001b[K');
  }
}

/** By the parts that are read from it. */
function isReplay(body: JsonValue): body is JsonValue & Replay {
  const parts = ['revisions', 'coverage', 'requests', 'candidate', 'recorded', 'widening', 'unused', 'changes'];
  return isJsonObject(body) && parts.every((part) => isJsonObject(body[part]));
}
