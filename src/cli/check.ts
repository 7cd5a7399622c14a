import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ciPinWarnings } from '../policy/ci-pins.ts';
import type { Fault } from '../resources/document.ts';
import { loadConfiguration } from './configuration.ts';
import { ExitCode } from './exit-code.ts';
import { faultTable } from './fault-table.ts';
import { ANY_CLUSTER, type Installation, installationOf, readInstallation } from './installation.ts';
import { originWarnings } from './origin-warnings.ts';
import { styleOf } from './style.ts';
import type { Surroundings } from './surroundings.ts';

interface CheckOptions {
  /** Absent: carnet.yaml where there is one. */
  readonly config?: string;
  readonly output: 'text' | 'json';
}

/** `carnet check`: every fault of the resources, as a fresh installation would find them. Resolves to the exit code. */
export async function check(
  files: readonly string[],
  options: CheckOptions,
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { workingDirectory, out, env } = surroundings;
  const installation = installationFor(files, options.config, surroundings);
  const { faults, documents } = await findFaults(installation, surroundings.clock.now());
  const errors = faults.filter(({ severity }) => severity === 'error').length;
  if (options.output === 'json') {
    out.write(`${JSON.stringify({ documents, errors, warnings: faults.length - errors, faults }, null, 2)}\n`);
  } else {
    const style = styleOf(out, env);
    if (faults.length > 0) out.write(`${faultTable(faults, { style, workingDirectory })}\n`);
    const summary = `${documents} documents, ${errors} errors, ${faults.length - errors} warnings`;
    out.write(`${style(errors > 0 ? 'red' : 'green', summary)}\n`);
  }
  return errors > 0 ? ExitCode.refused : ExitCode.ok;
}

/** Files may be checked without any configuration, where there is none: then by the rules of production. */
function installationFor(
  files: readonly string[],
  config: string | undefined,
  surroundings: Surroundings,
): Installation {
  const { workingDirectory } = surroundings;
  const named = files.map((file) => resolve(workingDirectory, file));
  const file = config ?? 'carnet.yaml';
  if (config === undefined && named.length > 0 && !existsSync(resolve(workingDirectory, file))) {
    return {
      trustDomain: 'example.org',
      ownIssuers: [],
      development: false,
      requireGrants: false,
      resources: named,
      allowOrigins: [],
      ownCluster: ANY_CLUSTER,
    };
  }
  const installation = installationOf(loadConfiguration(file, surroundings));
  return named.length > 0 ? { ...installation, resources: named } : installation;
}

async function findFaults(installation: Installation, now: number): Promise<{ faults: Fault[]; documents: number }> {
  const { reading, compiled } = await readInstallation(installation, now);
  const origins = originWarnings(compiled.snapshot.issuers, reading.documents, installation);
  const pins = ciPinWarnings(reading.documents, compiled.snapshot.issuers);
  const all = [...reading.faults, ...compiled.faults, ...compiled.refused, ...origins, ...pins];
  return { faults: distinct(all), documents: reading.documents.length };
}

/** A fault that stops a start is listed among the others too. */
function distinct(faults: readonly Fault[]): Fault[] {
  return [...new Map(faults.map((fault) => [JSON.stringify(fault), fault])).values()];
}
