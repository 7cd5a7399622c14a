import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import type { RoleEntry } from '../core/admin-role.ts';
import { durationSeconds } from '../resources/duration.ts';
import { nearestName } from '../resources/nearest-name.ts';
import type { Config, ListenerConfig } from './config.ts';
import { type ConfigFault, ConfigFaults } from './config-faults.ts';
import { type Environment, overlay } from './environment.ts';
import { ownClusterOf } from './own-cluster.ts';
import { Draft, type RuleFault, ruleFaults, ruleWarnings } from './rules.ts';
import { type ConfigDocument, configSchema } from './schema.ts';
import { variablesOf } from './variables.ts';
import { readYaml } from './yaml-file.ts';

export interface ConfigSource {
  /** Path of carnet.yaml. Without it, the environment alone configures and paths resolve against the working directory. */
  readonly file?: string;
  /** The file's text where the caller has it already; else `readFile` brings it. */
  readonly text?: string;
  readonly environment: Environment;
  /** Throws when the file cannot be read. */
  readonly readFile?: (path: string) => string;
}

function read({ file, text, readFile }: ConfigSource): string {
  if (text !== undefined) return text;
  if (file === undefined) return '';
  try {
    return readFile?.(file) ?? '';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new ConfigFaults([{ path: '', message: `cannot be read${code}`, hint: 'name another with --config' }], file);
  }
}

function unknownField(path: readonly PropertyKey[], key: string): RuleFault {
  const siblings = variablesOf(configSchema)
    .filter(
      (variable) => variable.path.length === path.length + 1 && path.every((part, i) => part === variable.path[i]),
    )
    .map((variable) => variable.path.at(-1) ?? '');
  const nearest = nearestName(key, siblings);
  const hint = nearest === undefined ? {} : { hint: `did you mean ${nearest}?` };
  return { path: [...path, key].join('.'), message: 'unknown field', ...hint };
}

function schemaFaults(error: z.ZodError | undefined): RuleFault[] {
  return (error?.issues ?? []).flatMap((issue): RuleFault[] => {
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownField(issue.path, key));
    const missing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
    return [{ path: issue.path.join('.'), message: missing ? 'is required' : issue.message }];
  });
}

function listenersOf({ listen, listeners }: ConfigDocument): ListenerConfig[] {
  const entries =
    listeners === undefined
      ? [{ name: 'all' as const, listener: listen }]
      : (['public', 'workload', 'admin'] as const).map((name) => ({ name, listener: listeners[name] }));
  return entries.flatMap(({ name, listener }) =>
    listener === undefined
      ? []
      : [{ name, host: listener.host, port: listener.port, ...(listener.tls ? { tls: listener.tls } : {}) }],
  );
}

type Server = NonNullable<ConfigDocument['store']['postgres']>;

function serverOf({ url, passwordFile }: Server, absolute: (path: string) => string) {
  return { url, ...(passwordFile === undefined ? {} : { passwordFile: absolute(passwordFile) }) };
}

function storeOf({ store }: ConfigDocument, absolute: (path: string) => string): Config['store'] {
  if (store.postgres !== undefined) return { postgres: serverOf(store.postgres, absolute) };
  return { sqlite: { path: absolute(store.sqlite?.path ?? '') } };
}

function adminOf({ admin }: ConfigDocument, absolute: (path: string) => string): Config['admin'] {
  const { bootstrapTokenFile: file, oidc, fourEyes = false, readOnly = false } = admin ?? {};
  return {
    fourEyes,
    readOnly,
    ...(file !== undefined && { bootstrapTokenFile: absolute(file) }),
    ...(oidc !== undefined && { oidc: { ...oidc, roles: oidc.roles.map(roleEntryOf) } }),
  };
}

type Roles = NonNullable<NonNullable<ConfigDocument['admin']>['oidc']>['roles'];

function roleEntryOf({ labels, grants, ...entry }: Roles[number]): RoleEntry {
  return { ...entry, ...(labels !== undefined && { labels }), ...(grants !== undefined && { grants }) };
}

function build(document: ConfigDocument, absolute: (path: string) => string): Omit<Config, 'warnings'> {
  const redis = document.cache?.redis;
  return {
    issuer: document.issuer,
    trustDomain: document.trustDomain,
    development: document.development,
    listeners: listenersOf(document).map((listener) =>
      listener.tls === undefined
        ? listener
        : { ...listener, tls: { certFile: absolute(listener.tls.certFile), keyFile: absolute(listener.tls.keyFile) } },
    ),
    workloadUrl: document.listeners?.workload.url ?? document.issuer,
    resources: document.resources.map(absolute),
    requireGrants: document.requireGrants,
    outbound: document.outbound,
    store: storeOf(document, absolute),
    cache: redis === undefined ? {} : { redis: serverOf(redis, absolute) },
    signing: {
      encryptionKeyFile: absolute(document.signing.encryptionKeyFile),
      rotateEverySeconds: durationSeconds(document.signing.rotateEvery),
    },
    audit: { ...named(document.audit), directory: absolute(document.audit.directory) },
    clouds: {
      aws: named(document.clouds?.aws),
      gcp: named(document.clouds?.gcp),
      azure: named(document.clouds?.azure),
    },
    admin: adminOf(document, absolute),
    log: document.log,
  };
}

type Named<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The members that have a value. */
function named<T extends object>(members: T | undefined): Named<T> {
  return Object.fromEntries(Object.entries(members ?? {}).filter(([, value]) => value !== undefined)) as Named<T>;
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  }
  return value;
}

/** One fault a path is enough: what is not built need not be well-formed too. */
function distinct(faults: readonly RuleFault[]): RuleFault[] {
  const unbuilt = faults.filter(({ message }) => message.startsWith('is not built')).map(({ path }) => path);
  return faults.filter(({ path, message }, index) => {
    const shadowed = unbuilt.some((outer) => path.startsWith(`${outer}.`));
    const repeated = faults.findIndex((other) => other.path === path && other.message === message) !== index;
    return !shadowed && !repeated;
  });
}

/**
 * The configuration from a file and the environment, which wins. Throws ConfigFaults with every fault at once; a file
 * that is not YAML is the only fault that hides others.
 */
export function loadConfig(source: ConfigSource): Config {
  const { file } = source;
  const yaml = readYaml(read(source));
  if (yaml.faults.length > 0) throw new ConfigFaults(yaml.faults, file);

  const overlaid = overlay(yaml.data ?? {}, source.environment);
  const placed = (fault: RuleFault): ConfigFault => {
    const path = fault.path.split('.');
    const variable = overlaid.variable(path);
    const line = variable === undefined ? yaml.line(path) : undefined;
    return { ...fault, ...(variable === undefined ? {} : { variable }), ...(line === undefined ? {} : { line }) };
  };

  const base = file === undefined ? '.' : dirname(file);
  const absolute = (path: string) => resolve(base, path);
  const draft = new Draft(overlaid.data, absolute);
  const parsed = configSchema.safeParse(overlaid.data);
  const faults = distinct([...schemaFaults(parsed.error), ...ruleFaults(draft)]).map(placed);
  const all = [...overlaid.faults, ...faults];
  if (all.length > 0 || !parsed.success) throw new ConfigFaults(all, file);
  const ownCluster = ownClusterOf(source.environment);
  return freeze({
    ...build(parsed.data, absolute),
    ...(ownCluster === undefined ? {} : { ownCluster }),
    warnings: ruleWarnings(draft).map(placed),
  });
}
