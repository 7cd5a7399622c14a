import type { Clock } from '../core/clock.ts';

/** Where a command writes to. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  /** Of a terminal, in characters. */
  readonly columns?: number;
}

export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type Signal = (typeof SIGNALS)[number];

/** All that a command sees of the process it runs in; src/main.ts makes it, tests make their own. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Results, and nothing else. */
  readonly out: Output;
  /** Errors, progress and banners. */
  readonly err: Output;
  /** All of standard input, to its end. */
  readInput(): Promise<string>;
  readonly workingDirectory: string;
  readonly clock: Clock;
  /** Calls back at each of these signals instead of ending the process. Returns the way to stop. */
  onSignal(signals: readonly Signal[], callback: (signal: Signal) => void): () => void;
  /** Ends the process without waiting for anything. */
  exitNow(code: number): void;
  /**
   * Calls back whenever `out` cannot be written. Without it the process ends where there is no room for the output, and
   * goes on to its own end where nobody reads it any more.
   */
  whenOutputIsLost(callback: () => void): void;
}
