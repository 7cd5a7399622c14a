const HOST = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;
const PATH = /^(\/[A-Za-z0-9._~-]+)*$/;

/** True for the names and addresses of this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host === '::1' || /^127(\.[0-9]{1,3}){3}$/.test(host);
}

interface Rules {
  /** http on loopback, with any port, instead of https. */
  readonly development: boolean;
  readonly portAllowed: boolean;
}

/**
 * What is wrong with a base URL that others compare byte for byte and append paths to, or undefined (clouds.md rule 2):
 * https, no user, query, fragment or trailing slash, a lower-case host, a path of plain segments.
 */
export function baseUrlFault(text: string, { development, portAllowed }: Rules): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:\/\/[^/]/.test(text)) return 'must be an absolute URL';
  if (/[?#@]/.test(text)) return 'must have no user, query or fragment';
  if (text.endsWith('/')) return 'must not end in a slash';
  if (text.length > 255) return 'must have at most 255 characters';
  const insecure = url.protocol === 'http:' && development && isLoopback(url.hostname);
  if (url.protocol !== 'https:' && !insecure) return 'must be https; http is for loopback under development: true';
  const [, authority = '', path = ''] = /^https?:\/\/([^/]*)(.*)$/.exec(text) ?? [];
  const [, host = '', port] = /^(.*?)(?::([0-9]*))?$/.exec(authority) ?? [];
  if (port !== undefined && !insecure && !portAllowed) return 'must have no port';
  if (!HOST.test(host) && host !== '[::1]') return 'must name one lower-case host';
  if (!PATH.test(path)) return 'must have a path of plain segments: letters, digits, ".", "_", "~" and "-"';
  // What a URL parser would rewrite (`..`, `:443`, `0x7f.1`), two readers would compare differently.
  const canonical = path === '' ? url.href.slice(0, -1) : url.href;
  return canonical === text ? undefined : 'must be in its shortest form';
}

/** What is wrong with an exact origin such as `https://10.0.0.7:6443`, or undefined. */
export function originFault(text: string, development: boolean): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain = url !== undefined && (HOST.test(url.hostname) || url.hostname.startsWith('['));
  if (!plain || url.origin !== text) return 'must be an exact origin: scheme, host and port, nothing else';
  const insecure = url.protocol === 'http:' && development && isLoopback(url.hostname);
  return url.protocol === 'https:' || insecure
    ? undefined
    : 'must be https; http is for loopback under development: true';
}

/**
 * What is wrong with the address of a Redis, or undefined: `redis` or `rediss`, a host, at most a user name before it and
 * a database of 0 to 15 after it. A password has a file, and a query would be options of a library.
 */
export function redisUrlFault(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^rediss?:\/\/[^/]/.test(text)) return 'must be redis://host:port or rediss://host:port';
  if (url.password !== '' || /^[^/]*\/\/[^/@]*:[^/@]*@/.test(text))
    return 'must have no password; set cache.redis.passwordFile';
  if (/[?#]/.test(text)) return 'must have no query or fragment';
  if (!HOST.test(url.hostname) && !/^\[[0-9a-f:.]+\]$/.test(url.hostname)) return 'must name one lower-case host';
  return /^(\/([0-9]|1[0-5])?)?$/.test(url.pathname) ? undefined : 'must name a database of 0 to 15, or none';
}

const USER_OR_DATABASE = /^([A-Za-z0-9._~-]|%[2-7][0-9A-Fa-f])+$/;

/**
 * What is wrong with the address of a PostgreSQL, or undefined: a user, a host and a database. Of all parameters only
 * `sslmode` counts, `verify-full` or `disable`: every mode in between encrypts without knowing for whom.
 */
export function postgresUrlFault(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^postgres(ql)?:\/\/[^/]/.test(text)) return 'must be postgres://user@host:port/database';
  if (url.password !== '' || /^[^/]*\/\/[^/@]*:[^/@]*@/.test(text))
    return 'must have no password; set store.postgres.passwordFile';
  if (!USER_OR_DATABASE.test(url.username)) return 'must name a user: postgres://user@host:port/database';
  if (!HOST.test(url.hostname) && !/^\[[0-9a-f:.]+\]$/.test(url.hostname)) return 'must name one lower-case host';
  if (!USER_OR_DATABASE.test(url.pathname.slice(1))) return 'must name a database: postgres://user@host:port/database';
  const isPlain = url.hash === '' && /^(\?sslmode=(verify-full|disable))?$/.test(url.search);
  return isPlain
    ? undefined
    : 'may have sslmode=verify-full, which is the default, or sslmode=disable, and nothing else';
}

/** True for a Redis or PostgreSQL on another machine that is spoken to without TLS. */
export function isPlainBeyondLoopback(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url?.protocol === 'redis:' || url?.searchParams.get('sslmode') === 'disable';
  return url !== undefined && isPlain && !isLoopback(url.hostname);
}
