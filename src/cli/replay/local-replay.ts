import { existsSync } from 'node:fs';
import { AdminError } from '../../admin/admin-error.ts';
import { assertSound, type Replay, replayOf } from '../../admin/replay/replay.ts';
import { AuditHistory, UNBOUNDED } from '../../audit/history.ts';
import { candidate } from '../../catalog/candidate.ts';
import { Compiling } from '../../catalog/compiling.ts';
import { loadResources } from '../../catalog/load-resources.ts';
import { readResources } from '../../catalog/read-resources.ts';
import { ResourceMemory } from '../../catalog/resource-memory.ts';
import { StoredResources } from '../../catalog/stored-resources.ts';
import { compileInSteps } from '../../policy/compile.ts';
import { durationSeconds } from '../../resources/duration.ts';
import { openStore } from '../../store/open-store.ts';
import { StoreFault } from '../../store/store-fault.ts';
import { loadConfiguration } from '../configuration.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { installationOf } from '../installation.ts';
import { printable } from '../style.ts';
import type { Surroundings } from '../surroundings.ts';

interface LocalOptions {
  readonly config: string;
  readonly window: string;
  readonly all?: boolean;
}

const EVERY = 5_000;

/** What a server of this configuration would answer, from its own files, store and audit directory. Throws CommandError. */
export async function localReplay(
  text: string,
  { config: file, window, all = false }: LocalOptions,
  surroundings: Surroundings,
): Promise<Replay> {
  const { clock, err } = surroundings;
  const config = loadConfiguration(file, surroundings);
  const { directory } = config.audit;
  if (!existsSync(directory)) {
    throw new CommandError(ExitCode.configuration, `audit.directory: there is nothing at ${directory}`);
  }
  const { resources, ...installation } = installationOf(config);
  const context = { ...installation, requireGrants: false };
  const now = clock.now();
  const readContext = { development: context.development, now };
  try {
    await using store = await existingStore(config.store, clock);
    const memory = new ResourceMemory(store.documents);
    await memory.load();
    const stored = await new StoredResources(store.documents).read();
    const reading = await readResources(resources, readContext, { stored: stored.texts });
    const compiling = new Compiling({ memory, compile: compileInSteps, context });
    const loaded = await loadResources({ reading, memory, compiling, inForce: undefined });
    const proposed = await candidate({ text, replaceAll: all }, { loaded, compiling, readContext });
    assertSound(proposed);
    const history = new AuditHistory({ directory, clock, limits: UNBOUNDED });
    return await replayOf({
      base: loaded,
      candidate: proposed,
      read: (query, visit) => history.read(query, visit),
      window: { from: now - durationSeconds(window) * 1000, until: now },
      ...(err.isTTY === true && {
        onProgress: (requests: number, at: string) => {
          if (requests % EVERY === 0) err.write(`\r\u001b[K${requests} requests, back to ${printable(at)}`);
        },
      }),
    });
  } catch (error) {
    throw commandError(error);
  } finally {
    if (err.isTTY === true) err.write('\r\u001b[K');
  }
}

async function existingStore(place: Parameters<typeof openStore>[0]['place'], clock: Surroundings['clock']) {
  const documents = await openStore({ place, clock, existing: true });
  return { documents, [Symbol.asyncDispose]: () => documents.close() };
}

function commandError(error: unknown): unknown {
  if (error instanceof StoreFault) return new CommandError(ExitCode.configuration, error.message, { cause: error });
  if (!(error instanceof AdminError)) return error;
  const faults = error.faults.map(
    ({ kind, name, field, message }) => `${kind ?? ''} ${name ?? ''} ${field}: ${message}`,
  );
  return new CommandError(ExitCode.refused, [error.title, ...faults].join('\n  '), { cause: error });
}
