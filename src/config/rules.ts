import { dirname, relative, sep } from 'node:path';
import { isJsonObject } from '../core/json.ts';
import { duration, durationSeconds } from '../resources/duration.ts';
import { isPermittedScheme, isWebAddress } from '../resources/web-address.ts';
import type { ConfigFault } from './config-faults.ts';
import { ALTERNATIVES } from './schema.ts';
import {
  baseUrlFault,
  isLoopback,
  isPlainBeyondLoopback,
  originFault,
  postgresUrlFault,
  redisUrlFault,
} from './urls.ts';

/** A fault without its place, which only the loader knows. */
export type RuleFault = Pick<ConfigFault, 'path' | 'message' | 'hint'>;

/** Merged configuration that may still break the schema: rules look at what is there, so that all faults come at once. */
export class Draft {
  readonly #data: unknown;
  readonly development: boolean;
  /** Makes a path absolute against the configuration file. */
  readonly absolute: (path: string) => string;

  constructor(data: unknown, absolute: (path: string) => string) {
    this.#data = data;
    this.absolute = absolute;
    this.development = this.at('development') === true;
  }

  at(path: string): unknown {
    let value = this.#data;
    for (const segment of path.split('.')) {
      if (!isJsonObject(value) || !Object.hasOwn(value, segment)) return undefined;
      value = value[segment];
    }
    return value;
  }

  has(path: string): boolean {
    return this.at(path) !== undefined;
  }

  text(path: string): string | undefined {
    const value = this.at(path);
    return typeof value === 'string' ? value : undefined;
  }

  texts(path: string): readonly string[] {
    const value = this.at(path);
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  }
}

type Rule = (draft: Draft) => readonly RuleFault[];

const DOORS = ['public', 'workload', 'admin'] as const;

/** Fields that carnet.yaml knows and this version does not: naming one stops the start (DESIGN section 5). */
const NOT_BUILT = ['secrets'];

const notBuilt: Rule = (draft) => [
  ...NOT_BUILT.filter((path) => draft.has(path)).map((path) => ({ path, message: 'is not built in this version' })),
];

const issuer: Rule = (draft) => {
  const text = draft.text('issuer');
  if (text === undefined) return [];
  if (draft.development && text.startsWith('https:')) {
    return [{ path: 'development', message: 'must not be true together with an https issuer' }];
  }
  const message = baseUrlFault(text, { development: draft.development, portAllowed: false });
  return message === undefined ? [] : [{ path: 'issuer', message }];
};

const alternatives: Rule = (draft) =>
  ALTERNATIVES.flatMap((group): RuleFault[] => {
    const chosen = group.filter((path) => draft.has(path));
    const names = group.join(' or ');
    if (chosen.length > 1) return [{ path: chosen[1] ?? '', message: `choose one of ${names}` }];
    const optional = group.includes('cache.memory');
    return chosen.length === 0 && !optional ? [{ path: group[0] ?? '', message: `one of ${names} is required` }] : [];
  });

const singleListener: Rule = (draft) =>
  draft.has('listen') && !draft.development
    ? [
        {
          path: 'listen',
          message: 'every door on one address is for development only',
          hint: 'set listeners.public, listeners.workload and listeners.admin',
        },
      ]
    : [];

const transport: Rule = (draft) => {
  if (draft.development) return [];
  return DOORS.filter((door) => {
    const host = draft.text(`listeners.${door}.host`);
    return host !== undefined && !isLoopback(host) && !draft.has(`listeners.${door}.tls`);
  }).map((door) => ({
    path: `listeners.${door}.tls`,
    message: 'is required',
    hint: 'only a loopback listener, behind a proxy on the same machine, may speak plain http',
  }));
};

const ports: Rule = (draft) => {
  const addresses = DOORS.map((door) => ({
    path: `listeners.${door}.port`,
    host: draft.text(`listeners.${door}.host`),
    port: draft.at(`listeners.${door}.port`),
  }));
  return addresses.flatMap(({ path, host, port }, index): RuleFault[] => {
    if (port === 0) return draft.development ? [] : [{ path, message: 'must be a fixed port' }];
    const taken = addresses.slice(0, index).some((other) => other.port === port && other.host === host);
    return taken && port !== undefined ? [{ path, message: 'is the address of another listener already' }] : [];
  });
};

const workloadUrl: Rule = (draft) => {
  const text = draft.text('listeners.workload.url');
  if (text === undefined) return [];
  const message = baseUrlFault(text, { development: draft.development, portAllowed: true });
  return message === undefined ? [] : [{ path: 'listeners.workload.url', message }];
};

const CLOUD_ENDPOINTS = [
  'clouds.aws.stsEndpoint',
  'clouds.gcp.stsEndpoint',
  'clouds.gcp.iamCredentialsEndpoint',
  'clouds.gcp.storageEndpoint',
  'clouds.azure.authorityHost',
];

const origins: Rule = (draft) => [
  ...draft.texts('outbound.allowOrigins').flatMap((origin, index): RuleFault[] => {
    const message = originFault(origin, draft.development);
    return message === undefined ? [] : [{ path: `outbound.allowOrigins.${index}`, message }];
  }),
  ...CLOUD_ENDPOINTS.flatMap((path): RuleFault[] => {
    const text = draft.text(path);
    const message =
      text === undefined ? undefined : baseUrlFault(text, { development: draft.development, portAllowed: true });
    return message === undefined ? [] : [{ path, message }];
  }),
];

const cache: Rule = (draft) => {
  const text = draft.text('cache.redis.url');
  const message = text === undefined ? undefined : redisUrlFault(text);
  return message === undefined ? [] : [{ path: 'cache.redis.url', message }];
};

const postgres: Rule = (draft) => {
  const text = draft.text('store.postgres.url');
  const message = text === undefined ? undefined : postgresUrlFault(text);
  return message === undefined ? [] : [{ path: 'store.postgres.url', message }];
};

function isWithin(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return way !== '..' && !way.startsWith(`..${sep}`);
}

/** Whoever copies the data must not get the key with it. */
const encryptionKeyPlace: Rule = (draft) => {
  const key = draft.text('signing.encryptionKeyFile');
  if (key === undefined || draft.development) return [];
  const store = draft.text('store.sqlite.path');
  const audit = draft.text('audit.directory');
  const directories = [store && dirname(draft.absolute(store)), audit && draft.absolute(audit)];
  return directories.some((directory) => directory && isWithin(draft.absolute(key), directory))
    ? [{ path: 'signing.encryptionKeyFile', message: 'must not be in the directory of the store or of the audit log' }]
    : [];
};

/** Who signs people in is somebody else, whom nobody on the way can play. */
const adminIssuer: Rule = (draft) => {
  const path = 'admin.oidc.issuer';
  const text = draft.text(path);
  if (text === undefined || !isWebAddress(text)) return [];
  const own = draft.text('issuer');
  if (text === own || text === `${own}/svid`) return [{ path, message: 'is an issuer of Carnet itself' }];
  return isPermittedScheme(text, draft.development)
    ? []
    : [{ path, message: 'must be https; http is for loopback under development: true' }];
};

/** Whoever may change what limits others is not limited. */
const limitedOwner: Rule = (draft) => {
  const entries = draft.at('admin.oidc.roles');
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: unknown, at): RuleFault[] => {
    if (!isJsonObject(entry) || entry['role'] !== 'owner') return [];
    return ['labels', 'grants']
      .filter((field) => entry[field] !== undefined)
      .map((field) => ({
        path: `admin.oidc.roles.${at}.${field}`,
        message: 'must not limit an owner, who writes the grants and the labels that limit others',
      }));
  });
};

const SHORTEST_ROTATION = '2d';
const LONGEST_ROTATION = '365d';

/** Sooner, keys would pile up in the published documents; later, nobody would know any more that rotation works. */
const rotation: Rule = (draft) => {
  const text = draft.text('signing.rotateEvery');
  if (text === undefined || !duration.safeParse(text).success) return [];
  const seconds = durationSeconds(text);
  const fits = seconds >= durationSeconds(SHORTEST_ROTATION) && seconds <= durationSeconds(LONGEST_ROTATION);
  const message = `must be between ${SHORTEST_ROTATION} and ${LONGEST_ROTATION}`;
  return fits ? [] : [{ path: 'signing.rotateEvery', message }];
};

const RULES: readonly Rule[] = [
  issuer,
  alternatives,
  notBuilt,
  singleListener,
  transport,
  ports,
  workloadUrl,
  origins,
  cache,
  postgres,
  encryptionKeyPlace,
  adminIssuer,
  limitedOwner,
  rotation,
];

/** Everything that the schema cannot say. */
export function ruleFaults(draft: Draft): RuleFault[] {
  return RULES.flatMap((rule) => rule(draft));
}

/** What loads and has no effect yet, or opens more than it may seem. */
export function ruleWarnings(draft: Draft): RuleFault[] {
  const idle = draft.has('admin.bootstrapTokenFile') && !draft.has('admin.oidc');
  const host = draft.text('listen.host');
  const open = host !== undefined && !isLoopback(host);
  return [
    ...(idle
      ? [{ path: 'admin.bootstrapTokenFile', message: 'has no effect until admin.oidc says who signs people in' }]
      : []),
    ...(open
      ? [{ path: 'listen.host', message: 'opens every door, also the operators\u2019, beyond this machine' }]
      : []),
    ...(isPlainBeyondLoopback(draft.text('cache.redis.url') ?? '')
      ? [{ path: 'cache.redis.url', message: 'sends the password in the clear over the network; rediss does not' }]
      : []),
    ...(isPlainBeyondLoopback(draft.text('store.postgres.url') ?? '')
      ? [{ path: 'store.postgres.url', message: 'speaks in the clear over the network; sslmode=verify-full does not' }]
      : []),
  ];
}
