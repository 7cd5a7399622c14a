import { existsSync } from 'node:fs';
import { PURPOSES, type Purpose } from '../authority/authority.ts';
import { loadEncryptionKey } from '../authority/encryption-key-file.ts';
import { KeyFault } from '../authority/key-fault.ts';
import { KeyRefusal, KeyRotation } from '../authority/key-rotation.ts';
import type { Keyring } from '../authority/keyring.ts';
import type { Config } from '../config/config.ts';
import { VersionConflict } from '../store/document-store.ts';
import { openStore } from '../store/open-store.ts';
import { StoreFault } from '../store/store-fault.ts';
import { loadConfiguration } from './configuration.ts';
import { CommandError, ExitCode } from './exit-code.ts';
import { printable } from './style.ts';
import type { Surroundings } from './surroundings.ts';

export interface KeysOptions {
  readonly config: string;
  readonly purpose?: Purpose;
  readonly output: 'table' | 'json';
}

export interface KeyAccess {
  readonly config: Config;
  readonly rotation: KeyRotation;
  /** Those that the command is about. */
  readonly purposes: readonly Purpose[];
  /** The stored keys. Throws CommandError where the service has made none yet. */
  ring(purpose: Purpose): Promise<Keyring>;
}

/**
 * Runs a command on the keys in the store, which the service may use meanwhile. Makes neither a store nor keys. Throws
 * CommandError for all that people can mend.
 */
export async function withKeys<T>(
  options: KeysOptions,
  around: Surroundings,
  use: (access: KeyAccess) => Promise<T>,
): Promise<T> {
  const config = loadConfiguration(options.config, around);
  const { encryptionKeyFile } = config.signing;
  try {
    const store = await openStore({ place: config.store, clock: around.clock, existing: true });
    try {
      if (!existsSync(encryptionKeyFile)) throw missing('signing.encryptionKeyFile', encryptionKeyFile);
      const encryptionKey = await loadEncryptionKey({ path: encryptionKeyFile, development: config.development });
      const rotateEveryMs = config.signing.rotateEverySeconds * 1000;
      const rotation = new KeyRotation({ store, encryptionKey, clock: around.clock, rotateEveryMs });
      return await use({
        config,
        rotation,
        purposes: purposesOf(options),
        ring: (purpose) => ringOf(rotation, purpose),
      });
    } finally {
      await store.close();
    }
  } catch (error) {
    throw forPeople(error);
  }
}

function purposesOf({ purpose }: KeysOptions): readonly Purpose[] {
  return purpose === undefined ? PURPOSES : [purpose];
}

async function ringOf(rotation: KeyRotation, purpose: Purpose): Promise<Keyring> {
  const ring = await rotation.read(purpose);
  if (ring) return ring;
  throw new CommandError(ExitCode.configuration, `store: it holds no ${purpose} keys; has the service run here?`);
}

function forPeople(error: unknown): unknown {
  const cause = { cause: error };
  if (error instanceof KeyRefusal) return new CommandError(ExitCode.refused, printable(error.message), cause);
  if (error instanceof VersionConflict)
    return new CommandError(ExitCode.unavailable, 'others change the keys at the same time; try again', cause);
  if (error instanceof KeyFault || error instanceof StoreFault)
    return new CommandError(ExitCode.configuration, error.message, cause);
  return error;
}

function missing(field: string, path: string): CommandError {
  return new CommandError(ExitCode.configuration, `${field}: there is nothing at ${path}; has the service run here?`);
}
