import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { DocumentOf, Fault } from '../resources/document.ts';
import { CommandError, ExitCode } from './exit-code.ts';
import { faultTable } from './fault-table.ts';
import { mappingNamed, type SoundResources, soundResources } from './sound-resources.ts';
import { styleOf } from './style.ts';
import type { Surroundings } from './surroundings.ts';
import type { Cloud } from './trust/clouds.ts';
import { driftOf, isDrift, printDrift } from './trust/drift.ts';
import { issuerLints, subjectLints } from './trust/lints.ts';
import type { Part } from './trust/part.ts';
import { readAnswers } from './trust/read-back.ts';
import { applyScript, readScript } from './trust/scripts.ts';
import { trustOf } from './trust/trust-of.ts';

export interface TrustCloudOptions {
  readonly config: string;
  readonly all?: boolean;
  readonly against?: string;
  readonly output: 'text' | 'json' | 'terraform' | 'read-script';
}

/**
 * `carnet trust aws|gcp|azure`: what a cloud must be told to trust Carnet's mappings, or how that differs from what the
 * cloud has. Asks nobody: the administrator's own command line reads the cloud. Resolves to the exit code.
 */
export async function trustCloud(
  cloud: Cloud,
  name: string | undefined,
  options: TrustCloudOptions,
  surroundings: Surroundings,
): Promise<ExitCode> {
  if ((name === undefined) !== (options.all === true)) {
    throw new CommandError(ExitCode.usage, 'name one mapping, or give --all');
  }
  const resources = await soundResources(options.config, surroundings);
  if (name !== undefined) assertTarget(cloud, mappingNamed(name, resources.mappings));
  const { parts, lints } = plan(cloud, resources);
  // What mappings share is derived from all of them, whichever is asked for: else it would cut off the others.
  const chosen = parts.filter(({ mappings }) => name === undefined || mappings.includes(name));
  if (chosen.length === 0) throw new CommandError(ExitCode.usage, `no mapping has a target ${cloud}`);
  if (options.against === undefined) return print(chosen, lints, { ...options, cloud }, surroundings);
  const file = options.against;
  const answers = readAnswers(await textOf(file, surroundings));
  const drifts = chosen.map((part) => driftOf(part, answers.get(part.label)));
  printDrift(drifts, options.output, surroundings);
  return drifts.some(isDrift) ? ExitCode.refused : ExitCode.ok;
}

function plan(cloud: Cloud, resources: SoundResources): { parts: readonly Part[]; lints: readonly Fault[] } {
  const { configuration, configFile, issuers } = resources;
  // A mapping in the shadow never gets a credential, so nothing has to trust it.
  const mappings = resources.mappings.filter(({ spec }) => spec.mode !== 'shadow');
  const { parts, lints, trusting } = trustOf(cloud, configuration.issuer, mappings, issuers);
  return { parts, lints: [...issuerLints(configuration.issuer, configFile), ...subjectLints(trusting), ...lints] };
}

function assertTarget(cloud: Cloud, { name, spec }: DocumentOf<'FederationMapping'>): void {
  if (spec.target[cloud] !== undefined && spec.mode !== 'shadow') return;
  const [kind] = Object.keys(spec.target);
  const other = spec.mode === 'shadow' ? 'is in the shadow: nothing has to trust it' : `has a target ${kind}`;
  throw new CommandError(ExitCode.usage, `the mapping ${name} ${other}`);
}

function print(
  parts: readonly Part[],
  lints: readonly Fault[],
  { output, cloud }: TrustCloudOptions & { readonly cloud: Cloud },
  { out, err, env, workingDirectory }: Surroundings,
): ExitCode {
  const hasError = lints.some(({ severity }) => severity === 'error');
  if (output === 'json') {
    const things = parts.map(({ label, title, mappings, desired, commands, readCommand }) => {
      return { label, title, mappings, desired, commands, readCommand };
    });
    out.write(`${JSON.stringify({ cloud, parts: things, findings: lints }, null, 2)}\n`);
    return hasError ? ExitCode.refused : ExitCode.ok;
  }
  if (output === 'text') out.write(applyScript(parts, styleOf(out, env)));
  if (output === 'read-script') out.write(readScript(parts));
  if (output === 'terraform') {
    const printed = new Set(parts.map(({ label }) => label));
    out.write(parts.map((part) => part.terraform((label) => printed.has(label))).join('\n'));
  }
  if (lints.length > 0) err.write(faultTable(lints, { style: styleOf(err, env), workingDirectory }));
  return hasError ? ExitCode.refused : ExitCode.ok;
}

async function textOf(file: string, { workingDirectory, readInput }: Surroundings): Promise<string> {
  if (file === '-') return await readInput();
  return await readFile(resolve(workingDirectory, file), 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(ExitCode.configuration, `cannot read ${file} (${error.code})`);
  });
}
