import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, resolve, sep } from 'node:path';
import { importsOf } from './imports.ts';
import { tokens } from './source-tokens.ts';

/** Which folder or file of `src` stands where, and which folders may use a package. One table says it all. */
export interface House {
  /** Floors from the ground up: folders of `src`, or files that stand in it. */
  readonly floors: readonly (readonly string[])[];
  /** Package to the rooms that may use it: folders or files under `src`. A package without a row may be used nowhere. */
  readonly vendors: Readonly<Record<string, readonly string[]>>;
  /** Modules of Node that are somebody's own, to their rooms; those without a row are free to all but the pure. */
  readonly builtins: Readonly<Record<string, readonly string[]>>;
  /** Folders that do no I/O, and the modules of Node that they may use. */
  readonly pure: Readonly<Record<string, readonly string[]>>;
  /** The only files that may read `process`, and the time. */
  readonly processFiles: readonly string[];
  readonly clockFiles: readonly string[];
}

export interface Finding {
  /** Relative to `src`. */
  readonly file: string;
  readonly line: number;
  readonly rule:
    | 'floor'
    | 'sibling'
    | 'circle'
    | 'vendor'
    | 'builtin'
    | 'computed'
    | 'unresolved'
    | 'homeless'
    | 'process'
    | 'clock';
  readonly what: string;
}

export interface Survey {
  readonly findings: readonly Finding[];
  /** How many imports were read, by folder or file of `src`. */
  readonly imports: ReadonlyMap<string, number>;
  readonly files: readonly string[];
}

/** Reads every TypeScript file under `src` and holds each import against the table. */
export function survey(src: string, house: House): Survey {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.split(sep).join('/'))
    .sort();
  const imports = new Map<string, number>();
  const findings: Finding[] = [];
  const within: Import[] = [];
  for (const file of files) {
    const source = readFileSync(join(src, file), 'utf8');
    const read = importsOf(source);
    imports.set(roomOf(file), (imports.get(roomOf(file)) ?? 0) + read.length);
    if (floorOf(file, house) < 0) findings.push({ file, line: 1, rule: 'homeless', what: roomOf(file) });
    for (const { specifier, line } of read) {
      const rule = specifier === undefined ? 'computed' : judge({ src, file, specifier, house });
      if (rule !== undefined) findings.push({ file, line, rule, what: specifier ?? 'import of an expression' });
    }
    findings.push(...ambient(file, source, house));
    read.forEach(({ specifier, line }) => {
      if (specifier?.startsWith('.'))
        within.push({ file, line, specifier, to: posix.join(posix.dirname(file), specifier) });
    });
  }
  for (const { file, line, specifier: what } of circling(within)) findings.push({ file, line, rule: 'circle', what });
  return { findings, imports, files };
}

interface Import {
  readonly file: string;
  readonly line: number;
  readonly specifier: string;
  readonly to: string;
}

/** What is left of imports, of types too, once those of and by files that are in no circle are taken away, again and again. */
function circling(imports: readonly Import[]): readonly Import[] {
  const importing = new Set(imports.map(({ file }) => file));
  const imported = new Set(imports.map(({ to }) => to));
  const left = imports.filter(({ file, to }) => importing.has(to) && imported.has(file));
  return left.length === imports.length ? left : circling(left);
}

/** The first part of a path: a folder of `src`, or a file that stands in it. */
function roomOf(file: string): string {
  return file.split('/')[0] ?? file;
}

function floorOf(file: string, house: House): number {
  return house.floors.findIndex((floor) => floor.includes(roomOf(file)));
}

function mayUse(file: string, rooms: readonly string[]): boolean {
  return rooms.some((room) => file === room || file.startsWith(`${room}/`));
}

interface Case {
  readonly src: string;
  readonly file: string;
  readonly specifier: string;
  readonly house: House;
}

function judge(found: Case): Finding['rule'] | undefined {
  const { file, specifier, house } = found;
  if (specifier.startsWith('node:')) return judgeBuiltin(file, specifier.slice('node:'.length), house);
  if (/^\.{0,2}\//.test(specifier)) return judgeFile(found);
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  const rooms = Object.hasOwn(house.vendors, name) ? house.vendors[name] : undefined;
  return rooms !== undefined && mayUse(file, rooms) ? undefined : 'vendor';
}

function judgeBuiltin(file: string, module: string, house: House): Finding['rule'] | undefined {
  const name = module.split('/')[0] ?? module;
  const pure = Object.entries(house.pure).find(([room]) => mayUse(file, [room]));
  if (pure !== undefined) return pure[1].includes(name) ? undefined : 'builtin';
  const rooms = Object.hasOwn(house.builtins, name) ? house.builtins[name] : undefined;
  return rooms === undefined || mayUse(file, rooms) ? undefined : 'builtin';
}

function judgeFile({ src, file, specifier, house }: Case): Finding['rule'] | undefined {
  const target = resolve(src, posix.dirname(file), specifier);
  const inside = relative(resolve(src), target).split(sep).join('/');
  if (inside.startsWith('..') || !existsSync(target) || !target.endsWith('.ts')) return 'unresolved';
  if (roomOf(inside) === roomOf(file)) return undefined;
  const [from, to] = [floorOf(file, house), floorOf(inside, house)];
  if (from < 0 || to < 0) return 'homeless';
  if (from === to) return 'sibling';
  return to > from ? 'floor' : undefined;
}

/** Reads of the process and of the time, which come from outside: `process`, `Date.now()`, `new Date()`. */
function ambient(file: string, source: string, house: House): readonly Finding[] {
  const all = tokens(source).map((token) => (token.kind === 'string' ? { ...token, text: "'" } : token));
  const text = (index: number) => all[index]?.text;
  return all.flatMap((token, index): readonly Finding[] => {
    if (token.kind !== 'word') return [];
    const isMember = text(index - 1) === '.' && text(index - 2) !== 'globalThis';
    const { line } = token;
    const isProcess = token.text === 'process' && !isMember && text(index + 1) !== ':';
    if (isProcess && !house.processFiles.includes(file)) return [{ file, line, rule: 'process', what: 'process' }];
    const readsNow = token.text === 'Date' && text(index + 1) === '.' && text(index + 2) === 'now';
    const isNew = token.text === 'Date' && text(index - 1) === 'new';
    const makesNow = isNew && (text(index + 1) !== '(' || text(index + 2) === ')');
    if ((readsNow || makesNow) && !house.clockFiles.includes(file))
      return [{ file, line, rule: 'clock', what: 'Date' }];
    return [];
  });
}
