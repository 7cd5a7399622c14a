import type { Signal, Surroundings } from '../../src/cli/surroundings.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** A process that tests can look into: what was written, which signals are awaited. */
export class FakeSurroundings implements Surroundings {
  stdout = '';
  stderr = '';
  exitedWith: number | undefined;
  readonly env: Record<string, string | undefined>;
  readonly workingDirectory: string;
  readonly clock = new FakeClock();
  readonly out: Surroundings['out'];
  readonly err: Surroundings['err'];
  readonly readInput: Surroundings['readInput'];
  readonly #listeners = new Map<Signal, Set<(signal: Signal) => void>>();
  #changed: (() => void)[] = [];

  constructor({ env = {}, terminal = false, input = '', workingDirectory = '/' }: Partial<Shape> = {}) {
    this.env = env;
    this.workingDirectory = workingDirectory;
    this.readInput = async () => input;
    this.out = { isTTY: terminal, write: (text) => this.#note(() => (this.stdout += text)) };
    this.err = { isTTY: terminal, write: (text) => this.#note(() => (this.stderr += text)) };
  }

  onSignal(signals: readonly Signal[], callback: (signal: Signal) => void): () => void {
    this.#note(() => {
      for (const signal of signals)
        this.#listeners.set(signal, (this.#listeners.get(signal) ?? new Set()).add(callback));
    });
    return () => {
      for (const signal of signals) this.#listeners.get(signal)?.delete(callback);
    };
  }

  exitNow(code: number): void {
    this.#note(() => {
      this.exitedWith = code;
    });
  }

  whenOutputIsLost(): void {}

  send(signal: Signal): void {
    for (const listener of this.#listeners.get(signal) ?? []) listener(signal);
  }

  listeners(): number {
    return [...this.#listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }

  /** Resolves once the condition holds; it is looked at after each write and each new listener. */
  async until(condition: (self: FakeSurroundings) => boolean): Promise<void> {
    while (!condition(this)) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }

  #note(change: () => void): void {
    change();
    const waiting = this.#changed;
    this.#changed = [];
    for (const resolve of waiting) resolve();
  }
}

interface Shape {
  readonly env: Record<string, string | undefined>;
  readonly terminal: boolean;
  readonly input: string;
  readonly workingDirectory: string;
}
