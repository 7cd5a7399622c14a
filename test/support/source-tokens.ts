/** One token of a TypeScript source; comments and white space are left out. */
export interface Token {
  readonly kind: 'word' | 'string' | 'template' | 'regex' | 'punctuation';
  /** The text; of a string or a template without substitutions its content, of other templates `undefined`. */
  readonly text: string | undefined;
  readonly line: number;
}

const WORD = /[\p{ID_Start}$_#@][\p{ID_Continue}$\u200c\u200d]*|\d[\w.]*/uy;
const SPACE = /[\s\ufeff]+|\/\/[^\n]*|\/\*[\s\S]*?\*\//uy;
const STRING = /'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"/uy;
const REGEX = /\/(?![*/])(?:[^\\/[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/uy;
/** Words after which a slash begins a regular expression, not a division. */
const BEFORE_REGEX = new Set(
  'return typeof case in of do else void delete throw new instanceof await yield default extends'.split(' '),
);

/**
 * Splits a source into tokens. A slash after `)`, `]` or `}` counts as division, which is right for all code that does
 * not begin a statement with a regular expression.
 */
export function tokens(source: string): readonly Token[] {
  const scanner = new Scanner(source);
  scanner.code(false);
  return scanner.found;
}

class Scanner {
  readonly found: Token[] = [];
  readonly #source: string;
  #at = 0;
  #line = 1;

  constructor(source: string) {
    this.#source = source;
  }

  /** Reads code up to the end, or to the `}` that ends a template's substitution. */
  code(inTemplate: boolean): void {
    let depth = 0;
    while (this.#at < this.#source.length) {
      if (this.#take(SPACE) !== undefined) continue;
      const character = this.#source[this.#at];
      if (inTemplate && character === '}' && depth === 0) return;
      if (character === '{') depth += 1;
      if (character === '}') depth -= 1;
      this.#token();
    }
  }

  #token(): void {
    const line = this.#line;
    const string = this.#take(STRING);
    if (string !== undefined) {
      this.found.push({ kind: 'string', text: unquote(string), line });
      return;
    }
    if (this.#source[this.#at] === '`') {
      this.#template(line);
      return;
    }
    const word = this.#take(WORD);
    if (word !== undefined) {
      this.found.push({ kind: 'word', text: word, line });
      return;
    }
    const regex = this.#regexMayBegin() ? this.#take(REGEX) : undefined;
    const kind = regex === undefined ? 'punctuation' : 'regex';
    this.found.push({ kind, text: regex ?? this.#next(), line });
  }

  #template(line: number): void {
    const place = this.found.length;
    let text: string | undefined = '';
    this.#next();
    while (this.#at < this.#source.length && this.#source[this.#at] !== '`') {
      if (this.#source.startsWith('${', this.#at)) {
        this.#next();
        this.#next();
        this.code(true);
        this.#next();
        text = undefined;
      } else {
        const escaped = this.#source[this.#at] === '\\';
        const part = escaped ? this.#next() + this.#next() : this.#next();
        if (text !== undefined) text += part;
      }
    }
    this.#next();
    this.found.splice(place, 0, {
      kind: 'template',
      text: text === undefined ? undefined : unquote(`\`${text}\``),
      line,
    });
  }

  #regexMayBegin(): boolean {
    const before = this.found.at(-1);
    if (before === undefined) return true;
    if (before.kind === 'word') return BEFORE_REGEX.has(before.text ?? '');
    return before.kind === 'punctuation' && !')]}'.includes(before.text ?? '');
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.#source)?.[0];
    if (text !== undefined) this.#advance(text);
    return text;
  }

  #next(): string {
    const text = this.#source.slice(this.#at, this.#at + 1);
    this.#advance(text);
    return text;
  }

  #advance(text: string): void {
    this.#at += text.length;
    this.#line += text.split('\n').length - 1;
  }
}

/** The content of a quoted literal; escapes are resolved as far as a module specifier could use them. */
function unquote(literal: string): string {
  return literal
    .slice(1, -1)
    .replace(/\\(?:u\{([0-9a-f]+)\}|u([0-9a-f]{4})|x([0-9a-f]{2})|([\s\S]))/gi, (_, braces, four, two, other) =>
      other === undefined ? String.fromCodePoint(Number.parseInt(braces ?? four ?? two, 16)) : other,
    );
}
