import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import type { DocumentOf } from '../resources/document.ts';
import type { TrustedIssuers } from '../resources/issuers.ts';
import { nearestName } from '../resources/nearest-name.ts';
import { loadConfiguration } from './configuration.ts';
import { CommandError, ExitCode } from './exit-code.ts';
import { installationOf, readInstallation } from './installation.ts';
import type { Surroundings } from './surroundings.ts';

type Mapping = DocumentOf<'FederationMapping'>;

/** A configuration and its resources, without any fault. */
export interface SoundResources {
  readonly configuration: Config;
  /** Absolute. */
  readonly configFile: string;
  readonly mappings: readonly Mapping[];
  readonly issuers: TrustedIssuers;
}

/**
 * What a command derives something from that others will trust. Throws CommandError `configuration` when there is an
 * error anywhere: what is left out of a trust policy would be cut off by it.
 */
export async function soundResources(file: string, surroundings: Surroundings): Promise<SoundResources> {
  const configuration = loadConfiguration(file, surroundings);
  const { reading, compiled } = await readInstallation(installationOf(configuration), surroundings.clock.now());
  const errors = [...reading.faults, ...compiled.faults, ...compiled.refused].filter(
    ({ severity }) => severity === 'error',
  );
  if (errors.length > 0) {
    throw new CommandError(ExitCode.configuration, 'the resources have faults; carnet check lists them');
  }
  const mappings = compiled.accepted.flatMap((document) => (document.kind === 'FederationMapping' ? [document] : []));
  const configFile = resolve(surroundings.workingDirectory, file);
  return { configuration, configFile, mappings, issuers: compiled.snapshot.issuers };
}

/** The mapping of this name. Throws CommandError `usage` that suggests the nearest one. */
export function mappingNamed(name: string, mappings: readonly Mapping[]): Mapping {
  const found = mappings.find((mapping) => mapping.name === name);
  if (found !== undefined) return found;
  const known = mappings.map((mapping) => mapping.name);
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
  throw new CommandError(ExitCode.usage, `there is no mapping ${JSON.stringify(name)}${hint}`);
}
