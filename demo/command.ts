import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a command to its end and gives back what it printed. */
export async function run(file: string, args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const clean = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...env };
  const child = spawn(file, args, { env: clean, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code, out, err };
}
