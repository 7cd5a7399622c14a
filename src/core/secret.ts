const inspect = Symbol.for('nodejs.util.inspect.custom');

/**
 * A token, key or credential. It never prints: string conversion, JSON and inspection give `[secret]`, and the value
 * comes out by `reveal()` alone, so that every place that handles the plain text can be found by that word.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect](): string {
    return '[secret]';
  }
}
