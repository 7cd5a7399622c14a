import { parseArgs } from 'node:util';

/** How often each thing is done in one round. */
export interface Counts {
  readonly warmRequests: number;
  readonly requests: number;
  readonly primitives: number;
  readonly decisions: number;
}

export interface Options {
  readonly rounds: number;
  readonly quick: boolean;
  readonly counts: Counts;
}

const FULL: Counts = { warmRequests: 4000, requests: 8000, primitives: 20_000, decisions: 100_000 };
const QUICK: Counts = { warmRequests: 100, requests: 300, primitives: 300, decisions: 2000 };

/** `--rounds N` (default 5) and `--quick` (one round, small counts: shows that everything runs, and no figures). */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: { type: 'string' }, quick: { type: 'boolean', default: false } },
  });
  const rounds = values.rounds ?? (values.quick ? '1' : '5');
  if (!/^[1-9][0-9]?$/.test(rounds)) throw new Error('--rounds takes a number from 1 to 99');
  return { rounds: Number(rounds), quick: values.quick, counts: values.quick ? QUICK : FULL };
}
