import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { ConfigFaults } from '../config/config-faults.ts';
import { loadConfig } from '../config/load-config.ts';
import { CommandError, ExitCode } from './exit-code.ts';
import type { Surroundings } from './surroundings.ts';

/** The configuration that a command names, under the environment. Throws CommandError `configuration` with every fault. */
export function loadConfiguration(file: string, { env, workingDirectory }: Surroundings): Config {
  try {
    const readFile = (path: string) => readFileSync(path, 'utf8');
    return loadConfig({ file: resolve(workingDirectory, file), environment: env, readFile });
  } catch (error) {
    if (!(error instanceof ConfigFaults)) throw error;
    const count = error.faults.length === 1 ? 'one fault' : `${error.faults.length} faults`;
    throw new CommandError(ExitCode.configuration, `${count} in the configuration\n${error.message}`, { cause: error });
  }
}
