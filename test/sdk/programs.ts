import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** A cloud whose SDK a program uses; each program reads one secret and prints it. */
export type Cloud = 'aws' | 'gcp' | 'azure';

export interface Language {
  readonly name: string;
  /** The command of a program, undefined where the language's tools are not on this machine. */
  readonly command: (cloud: Cloud) => readonly [string, ...string[]] | undefined;
}

/** Longer than an SDK tries before it gives up. */
const TIMEOUT_MS = 60_000;

const here = (path: string): string => join(import.meta.dirname, path);

/** What scripts/test-sdk.sh has built. */
function built(variable: string): string | undefined {
  return process.env[variable] || undefined;
}

function className(cloud: Cloud): string {
  return cloud.charAt(0).toUpperCase() + cloud.slice(1);
}

export const LANGUAGES: readonly Language[] = [
  { name: 'JavaScript', command: (cloud) => [process.execPath, here(`javascript/${cloud}.ts`)] },
  {
    name: 'Python',
    command: (cloud) => {
      const python = built('CARNET_SDK_PYTHON');
      // -I: the folder of a program is no place to import from, since a program may be called as a package is.
      return python === undefined ? undefined : [python, '-I', here(`python/${cloud}.py`)];
    },
  },
  {
    name: 'Go',
    command: (cloud) => {
      const program = built('CARNET_SDK_GO');
      return program === undefined ? undefined : [program, cloud];
    },
  },
  {
    name: 'Java',
    command: (cloud) => {
      const classes = built('CARNET_SDK_JAVA');
      return classes === undefined ? undefined : ['java', '-cp', `${classes}:${classes}/*`, className(cloud)];
    },
  },
];

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end with this environment and nothing else of the machine's but PATH. */
export async function run([file, ...args]: readonly string[], env: Readonly<Record<string, string>>): Promise<Outcome> {
  const child = spawn(`${file}`, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...env },
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { status, stdout: stdout.trim(), stderr };
}
