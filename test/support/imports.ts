import { type Token, tokens } from './source-tokens.ts';

export interface Import {
  /** What is imported; undefined when a dynamic import computes it. */
  readonly specifier: string | undefined;
  readonly line: number;
}

/** Every module that a source names: static, side effect, type-only, re-exported, dynamic and `import('…')` in types. */
export function importsOf(source: string): readonly Import[] {
  const all = tokens(source);
  return all.flatMap((token, index) => {
    if (token.kind !== 'word' || isMember(all, index)) return [];
    if (token.text === 'import') return importAt(all, index);
    if (token.text === 'export') return reexportAt(all, index);
    if (token.text === 'require' && all[index + 1]?.text === '(') return [named(all[index + 2], token.line)];
    return [];
  });
}

/** `.import`, or `import:` as the name of a property. */
function isMember(all: readonly Token[], index: number): boolean {
  const before = all[index - 1];
  const after = all[index + 1];
  const dots = before?.text === '.' && all[index - 2]?.text !== '.';
  return (before?.kind === 'punctuation' && dots) || (after?.kind === 'punctuation' && after.text === ':');
}

function importAt(all: readonly Token[], index: number): readonly Import[] {
  const next = all[index + 1];
  const line = all[index]?.line ?? 0;
  if (next === undefined || (next.kind === 'punctuation' && next.text === '.')) return [];
  if (next.kind === 'string') return [{ specifier: next.text, line }];
  if (next.kind === 'punctuation' && next.text === '(') return [named(all[index + 2], line)];
  return fromClause(all, index + 1, line);
}

/** `export { … } from`, `export * from`, with or without `type`; a declaration has no `from` clause. */
function reexportAt(all: readonly Token[], index: number): readonly Import[] {
  const start = all[index + 1]?.text === 'type' ? index + 2 : index + 1;
  const first = all[start];
  if (first?.kind !== 'punctuation' || (first.text !== '{' && first.text !== '*')) return [];
  return fromClause(all, start, all[index]?.line ?? 0);
}

/** The string after `from`; the clause before it holds names, commas, braces and `*` only. */
function fromClause(all: readonly Token[], start: number, line: number): readonly Import[] {
  for (let at = start; at < all.length; at += 1) {
    const token = all[at];
    const next = all[at + 1];
    if (token?.text === 'from' && token.kind === 'word' && next?.kind === 'string')
      return [{ specifier: next.text, line }];
    const isName = token?.kind === 'word' || token?.kind === 'string';
    if (!isName && !(token?.kind === 'punctuation' && '{},*'.includes(token.text ?? ';'))) return [];
  }
  return [];
}

function named(token: Token | undefined, line: number): Import {
  const isLiteral = token?.kind === 'string' || token?.kind === 'template';
  return { specifier: isLiteral ? token.text : undefined, line };
}
