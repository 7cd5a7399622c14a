import { isJsonObject } from '../core/json.ts';
import { nearestName } from '../resources/nearest-name.ts';
import type { ConfigFault } from './config-faults.ts';
import { ALTERNATIVES, configSchema } from './schema.ts';
import { type Variable, variablesOf } from './variables.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Names that are not configuration: what Kubernetes injects for a Service called carnet, the client's, the tests'. */
const FOREIGN = /^CARNET_(PORT(_.*)?|SERVICE_.*|ENDPOINT|TOKEN_FILE|CONFIG|CORPORA)$/;

export interface Overlaid {
  readonly data: unknown;
  readonly faults: readonly ConfigFault[];
  /** The variable that set the field at a path, something around it or something in it. */
  variable(path: readonly string[]): string | undefined;
}

interface Setting {
  readonly variable: Variable;
  readonly value: unknown;
}

function parse({ kind }: Variable, text: string): unknown {
  if (kind === 'number' && /^[0-9]{1,9}$/.test(text)) return Number(text);
  if (kind === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  if (kind === 'list') return text.split(',').flatMap((item) => (item.trim() === '' ? [] : [item.trim()]));
  return kind === 'json' ? JSON.parse(text) : text;
}

function unknownVariable(variable: string, names: readonly string[]): ConfigFault {
  const nearest = nearestName(
    variable.toLowerCase(),
    names.map((name) => name.toLowerCase()),
  );
  const hint = nearest === undefined ? {} : { hint: `did you mean ${nearest.toUpperCase()}?` };
  return { path: '', variable, message: 'no such setting', ...hint };
}

function without(data: unknown, [first = '', ...rest]: readonly string[]): unknown {
  if (!isJsonObject(data) || !Object.hasOwn(data, first)) return data;
  const { [first]: inner, ...others } = data;
  return rest.length === 0 ? others : { ...others, [first]: without(inner, rest) };
}

function withValue(data: unknown, [first, ...rest]: readonly string[], value: unknown): unknown {
  if (first === undefined) return value;
  const object = isJsonObject(data) ? data : {};
  return { ...object, [first]: withValue(Object.hasOwn(object, first) ? object[first] : undefined, rest, value) };
}

function startsWith(path: readonly string[], prefix: readonly string[]): boolean {
  return prefix.every((part, index) => part === path[index]);
}

/** The dotted paths that give way when the field at `path` is set. */
function rivals(path: readonly string[]): string[] {
  const dotted = path.join('.');
  return ALTERNATIVES.flatMap((group) => {
    const chosen = group.find((one) => dotted === one || dotted.startsWith(`${one}.`));
    return chosen === undefined ? [] : group.filter((one) => one !== chosen);
  });
}

function read(environment: Environment): { settings: Setting[]; faults: ConfigFault[] } {
  const variables = variablesOf(configSchema);
  const settings: Setting[] = [];
  const faults: ConfigFault[] = [];
  for (const variable of variables) {
    const text = environment[variable.name];
    if (text === undefined || text === '') continue;
    try {
      settings.push({ variable, value: parse(variable, text) });
    } catch {
      faults.push({ path: variable.path.join('.'), variable: variable.name, message: 'must be JSON' });
    }
  }
  const names = variables.map(({ name }) => name);
  for (const name of Object.keys(environment).sort()) {
    const known = !name.startsWith('CARNET_') || names.includes(name) || FOREIGN.test(name);
    if (!known) faults.push(unknownVariable(name, names));
  }
  return { settings, faults };
}

/** Lays the environment over a file's data; the environment wins and an empty variable is an unset one. */
export function overlay(data: unknown, environment: Environment): Overlaid {
  const { settings, faults } = read(environment);
  const cleared = settings
    .flatMap(({ variable }) => rivals(variable.path))
    .reduce((result, path) => without(result, path.split('.')), data);
  const laid = settings.reduce((result, { variable, value }) => withValue(result, variable.path, value), cleared);
  return {
    data: laid,
    faults,
    variable: (path) => {
      const around = settings.findLast(({ variable }) => startsWith(path, variable.path));
      const inside = settings.find(({ variable }) => startsWith(variable.path, path));
      return (around ?? inside)?.variable.name;
    },
  };
}
