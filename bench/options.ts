import { parseArgs } from 'node:util';

/** How often each thing is done in one round. */
export interface Counts {
  readonly warmRequests: number;
  readonly requests: number;
  readonly primitives: number;
  readonly decisions: number;
  /** New TLS connections, one exchange each. */
  readonly connections: number;
  /** Seconds of each open loop, and of each saturation before it. */
  readonly seconds: number;
  /** Pods that ask at once. */
  readonly pods: number;
  /** Look-ups at once for a key that is not held. */
  readonly misses: number;
  /** Mappings of the large installation. */
  readonly mappings: number;
  /** Exchanges of one process, whose memory is looked at ten times on the way. */
  readonly growth: number;
}

export interface Options {
  readonly rounds: number;
  readonly quick: boolean;
  readonly counts: Counts;
  /** Names of the variants to run, or the part of them before a dot; all of them when empty. */
  readonly only: readonly string[];
  readonly plots: boolean;
}

const FULL: Counts = {
  warmRequests: 50_000,
  requests: 20_000,
  primitives: 20_000,
  decisions: 100_000,
  connections: 2000,
  seconds: 3,
  pods: 10_000,
  misses: 10_000,
  mappings: 100_000,
  growth: 100_000,
};
const QUICK: Counts = {
  warmRequests: 100,
  requests: 300,
  primitives: 300,
  decisions: 2000,
  connections: 100,
  seconds: 0.5,
  pods: 200,
  misses: 500,
  mappings: 1000,
  growth: 1000,
};

/**
 * `--rounds N` (default 5), `--quick` (one round, small counts: shows that everything runs, and no figures), `--only
 * NAME[,NAME]`, `--plots` (draws into docs/img) and `--million` (that many exchanges for growth, which takes long).
 */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      plots: { type: 'boolean', default: false },
      million: { type: 'boolean', default: false },
    },
  });
  const rounds = values.rounds ?? (values.quick ? '1' : '5');
  if (!/^[1-9][0-9]?$/.test(rounds)) throw new Error('--rounds takes a number from 1 to 99');
  const { quick, plots } = values;
  const counts = quick ? QUICK : FULL;
  return {
    rounds: Number(rounds),
    quick,
    counts: values.million ? { ...counts, growth: 1_000_000 } : counts,
    only: values.only?.split(',') ?? [],
    plots,
  };
}
