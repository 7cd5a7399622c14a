import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { DocumentOf } from '../resources/document.ts';
import { CommandError, ExitCode } from './exit-code.ts';
import { kustomizeComponent, podManifest } from './onboard/manifests.ts';
import type { Surface } from './onboard/surface.ts';
import { surfacesOf } from './onboard/surfaces.ts';
import { workloadOf } from './onboard/workload.ts';
import { mappingNamed, type SoundResources, soundResources } from './sound-resources.ts';
import type { Surroundings } from './surroundings.ts';
import { parseEndpoint } from './token-endpoint.ts';
import { shellWord } from './written.ts';

export interface OnboardOptions {
  readonly config: string;
  readonly endpoint?: string;
  readonly as: 'env' | 'pod' | 'kustomize' | 'files';
  readonly surface?: string;
  readonly tokenFile: string;
  readonly container: string;
  readonly namespace?: string;
  readonly serviceAccount?: string;
  readonly out?: string;
}

/** `carnet onboard`: what a workload needs to get the credentials of a mapping by its own SDK. Resolves to the exit code. */
export async function onboard(name: string, options: OnboardOptions, surroundings: Surroundings): Promise<ExitCode> {
  const endpoint = options.endpoint ?? surroundings.env['CARNET_ENDPOINT'];
  if (!endpoint) throw new CommandError(ExitCode.usage, 'name the server: --endpoint URL or CARNET_ENDPOINT');
  const resources = await soundResources(options.config, surroundings);
  const mapping = mappingNamed(name, resources.mappings);
  const where = { endpoint: parseEndpoint(endpoint).href.replace(/\/$/, ''), tokenFile: options.tokenFile };
  const surface = chooseSurface(mapping, surfacesOf(mapping, where), options, where.endpoint);
  const texts = textsOf(mapping, surface, options, resources);
  if (options.out === undefined) {
    if (options.as === 'files') throw new CommandError(ExitCode.usage, 'name the folder for the files: --out FOLDER');
    for (const text of Object.values(texts)) surroundings.out.write(text);
    return ExitCode.ok;
  }
  await writeAll(texts, resolve(surroundings.workingDirectory, options.out));
  surroundings.err.write(`wrote ${Object.keys(texts).join(', ')} to ${options.out}\n`);
  return ExitCode.ok;
}

function chooseSurface(
  { name, spec }: DocumentOf<'FederationMapping'>,
  surfaces: readonly Surface[],
  { surface: wanted, tokenFile }: OnboardOptions,
  endpoint: string,
): Surface {
  const [best] = surfaces;
  if (best === undefined) {
    const audience = spec.target.jwtSvid?.audiences[0] ?? name;
    const words = ['carnet', 'exchange', '--endpoint', endpoint, '--token-file', tokenFile, '--audience', audience];
    const message = `no SDK of a cloud takes what the mapping ${name} gives; use\n  ${words.map(shellWord).join(' ')}`;
    throw new CommandError(ExitCode.refused, message);
  }
  const found = wanted === undefined ? best : surfaces.find((surface) => surface.name === wanted);
  if (found !== undefined) return found;
  const names = surfaces.map((surface) => surface.name).join(', ');
  throw new CommandError(ExitCode.usage, `the mapping ${name} has no surface ${wanted}; it has ${names}`);
}

/** File name to text. */
function textsOf(
  mapping: DocumentOf<'FederationMapping'>,
  surface: Surface,
  options: OnboardOptions,
  { issuers }: SoundResources,
): Record<string, string> {
  const workload = () => workloadOf(mapping, issuers, options);
  switch (options.as) {
    case 'env':
      return { env: environmentText(surface) };
    case 'pod':
      return { 'pod.yaml': commented(surface, podManifest(workload(), surface)) };
    case 'kustomize':
      return { 'kustomization.yaml': commented(surface, kustomizeComponent(workload(), surface)) };
    case 'files':
      return { env: environmentText(surface), ...surface.files };
  }
}

function environmentText(surface: Surface): string {
  const lines = Object.entries(surface.environment).map(([name, value]) => `${name}=${shellWord(value)}\n`);
  const files = Object.keys(surface.files).map((name) => `# needs ${name}: carnet onboard --as files writes it\n`);
  return commented(surface, [...lines, ...files].join(''));
}

function commented({ title, notes }: Surface, text: string): string {
  return `${[title, ...notes].map((line) => `# ${line}\n`).join('')}${text}`;
}

/** Nothing is ever overwritten. Throws CommandError `configuration`. */
async function writeAll(texts: Readonly<Record<string, string>>, folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    for (const [name, text] of Object.entries(texts)) await writeFile(join(folder, name), text, { flag: 'wx' });
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    const why = code === 'EEXIST' ? 'is there already, and nothing is overwritten' : `cannot be written (${code})`;
    throw new CommandError(ExitCode.configuration, `${path ?? folder} ${why}`, { cause: error });
  }
}
