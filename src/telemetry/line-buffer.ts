interface LineBufferDeps {
  readonly destination: { write(text: string): unknown };
  /** Calls back once, after the events that are ready now: `setImmediate`. */
  readonly defer: (flush: () => void) => void;
}

/** More than this waits for nothing. */
const MAX_CHARACTERS = 64 * 1024;

/** Writes the lines of one turn of the event loop together: to a pipe each write is a system call that is waited for. */
export class LineBuffer {
  readonly #deps: LineBufferDeps;
  #text = '';

  constructor(deps: LineBufferDeps) {
    this.#deps = deps;
  }

  write(line: string): void {
    if (this.#text === '') this.#deps.defer(this.flush);
    this.#text += line;
    if (this.#text.length > MAX_CHARACTERS) this.flush();
  }

  readonly flush = (): void => {
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    this.#deps.destination.write(text);
  };
}
