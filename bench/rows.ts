/** A line of the table. */
export interface Row {
  readonly key: string;
  readonly label: string;
  readonly unit: 'µs' | 'ns' | 'ms' | 's' | '/s' | 'MiB' | 'n' | '%';
  /** What the figure is set against: how much of L it is, how many times another row, or how many of another row it holds. */
  readonly against?: { readonly kind: 'share-of-L' } | { readonly kind: 'times' | 'part'; readonly key: string };
}

/** L, the limit of an exchange: what it costs to verify one token, sign another and answer one form, and nothing else. */
export const LIMIT = { key: 'L', parts: ['verify.sync', 'sign.sync', 'floor.node'] } as const;

const times = (key: string) => ({ kind: 'times', key }) as const;
/** Where less is dearer: what another row costs, in this one's. */
const part = (key: string) => ({ kind: 'part', key }) as const;
const share = { kind: 'share-of-L' } as const;

function overloadRows(connections: 'kept' | 'new'): readonly Row[] {
  const name = `overload.${connections}`;
  const over = (what: string) => `${what}, ${connections} connections`;
  return [
    { key: `${name}.peak`, label: over('peak'), unit: '/s' },
    { key: `${name}.goodput`, label: over('at twice'), unit: '/s', against: times(`${name}.peak`) },
    { key: `${name}.refusedShare`, label: over('503'), unit: '%' },
    { key: `${name}.retryAfterShare`, label: over('Retry-After'), unit: '%' },
    { key: `${name}.refusedP99`, label: over('503 p99'), unit: 'ms' },
    { key: `${name}.servedP99`, label: over('served p99'), unit: 'ms' },
    { key: `${name}.broken`, label: over('no answer'), unit: 'n' },
    { key: `${name}.clientTurn`, label: over("client's turn"), unit: 'ms' },
  ];
}

export const ROWS: readonly Row[] = [
  { key: 'verify.sync', label: 'verify RS256, node:crypto', unit: 'µs' },
  { key: 'verify.jose', label: 'verify RS256, jose', unit: 'µs', against: times('verify.sync') },
  { key: 'sign.sync', label: 'sign ES256, node:crypto', unit: 'µs' },
  { key: 'sign.jose', label: 'sign ES256, jose', unit: 'µs', against: times('sign.sync') },
  { key: 'floor.node', label: 'HTTP floor, node:http', unit: 'µs' },
  { key: 'floor.fastify', label: 'HTTP floor, fastify', unit: 'µs', against: times('floor.node') },
  { key: LIMIT.key, label: 'L = verify + sign + HTTP floor', unit: 'µs' },
  { key: 'exchange.core', label: 'exchange, core', unit: 'µs', against: share },
  { key: 'exchange.full', label: 'exchange, full', unit: 'µs', against: share },
  {
    key: 'exchange.few',
    label: 'exchange, full, 16 connections',
    unit: 'µs',
    against: times('exchange.full'),
  },
  { key: 'peer', label: 'peer: oidc-provider', unit: 'µs', against: times('exchange.full') },
  { key: 'exchange.two', label: 'exchange, two processes', unit: 'µs', against: part('exchange.full') },
  { key: 'refused.malformed', label: 'refused: malformed', unit: 'µs', against: times('exchange.full') },
  { key: 'refused.unknownIssuer', label: 'refused: unknown issuer', unit: 'µs', against: times('exchange.full') },
  { key: 'refused.badSignature', label: 'refused: bad signature', unit: 'µs', against: times('exchange.full') },
  { key: 'refused.repeatedForgery', label: 'refused: same forgery again', unit: 'µs', against: times('exchange.full') },
  { key: 'refused.expired', label: 'refused: expired', unit: 'µs', against: times('exchange.full') },
  { key: 'refused.busy', label: 'refused: too busy', unit: 'µs', against: times('exchange.full') },
  { key: 'tls.new', label: 'exchange, new TLS connection', unit: 'µs', against: times('exchange.full') },
  { key: 'tls.resumed', label: 'exchange, TLS session resumed', unit: 'µs', against: times('exchange.full') },
  { key: 'latency.exchange.saturation', label: 'saturation, exchange', unit: '/s' },
  { key: 'latency.exchange.50.p50', label: 'p50 at 50 %, exchange', unit: 'ms' },
  {
    key: 'latency.exchange.50.p99',
    label: 'p99 at 50 %, exchange',
    unit: 'ms',
    against: times('latency.exchange.50.p50'),
  },
  { key: 'latency.exchange.80.p50', label: 'p50 at 80 %, exchange', unit: 'ms' },
  {
    key: 'latency.exchange.80.p99',
    label: 'p99 at 80 %, exchange',
    unit: 'ms',
    against: times('latency.exchange.80.p50'),
  },
  { key: 'latency.floor.saturation', label: 'saturation, HTTP floor', unit: '/s' },
  {
    key: 'latency.floor.50.p99',
    label: 'p99 at 50 %, HTTP floor',
    unit: 'ms',
    against: part('latency.exchange.50.p99'),
  },
  {
    key: 'latency.floor.80.p99',
    label: 'p99 at 80 %, HTTP floor',
    unit: 'ms',
    against: part('latency.exchange.80.p99'),
  },
  ...overloadRows('kept'),
  ...overloadRows('new'),
  { key: 'storm.1.t50', label: 'storm, 1 replica, half served', unit: 's' },
  { key: 'storm.1.p99', label: 'storm, 1 replica, p99', unit: 's' },
  { key: 'storm.1.t100', label: 'storm, 1 replica, all served', unit: 's' },
  { key: 'storm.1.again', label: 'storm, 1 replica, asked again', unit: 'n' },
  { key: 'storm.1.cut', label: 'storm, 1 replica, cut off', unit: 'n' },
  { key: 'storm.1.cpu', label: 'storm, 1 replica, server CPU', unit: 's' },
  { key: 'storm.2.t50', label: 'storm, 2 replicas, half served', unit: 's', against: times('storm.1.t50') },
  { key: 'storm.2.p99', label: 'storm, 2 replicas, p99', unit: 's', against: times('storm.1.p99') },
  { key: 'storm.2.t100', label: 'storm, 2 replicas, all served', unit: 's', against: times('storm.1.t100') },
  { key: 'storm.2.again', label: 'storm, 2 replicas, asked again', unit: 'n' },
  { key: 'storm.2.cut', label: 'storm, 2 replicas, cut off', unit: 'n' },
  { key: 'storm.2.cpu', label: 'storm, 2 replicas, server CPU', unit: 's', against: times('storm.1.cpu') },
  { key: 'decide.10', label: 'decide, 10 mappings', unit: 'ns' },
  { key: 'decide.1000', label: 'decide, 1,000 mappings', unit: 'ns', against: times('decide.10') },
  { key: 'decide.100000', label: 'decide, 100,000 mappings', unit: 'ns', against: times('decide.10') },
  { key: 'examined.10', label: 'examined, 10 mappings', unit: 'n' },
  { key: 'examined.1000', label: 'examined, 1,000 mappings', unit: 'n', against: times('examined.10') },
  { key: 'examined.100000', label: 'examined, 100,000 mappings', unit: 'n', against: times('examined.10') },
  { key: 'misses.fetches', label: 'fetches for 10,000 misses', unit: 'n' },
  { key: 'load.cpu', label: 'load 10,000 mappings, CPU', unit: 'ms' },
  { key: 'load.held', label: 'heap of 10,000 mappings', unit: 'MiB' },
  { key: 'loadmany.seconds', label: 'load 100,000 mappings', unit: 's' },
  { key: 'loadmany.cpu', label: 'load 100,000 mappings, CPU', unit: 'ms', against: times('load.cpu') },
  { key: 'loadmany.held', label: 'heap of 100,000 mappings', unit: 'MiB', against: times('load.held') },
  { key: 'loadmany.rss', label: 'peak memory of that process', unit: 'MiB' },
  { key: 'start.node', label: 'cold start, bare Node', unit: 'ms' },
  { key: 'start.few', label: 'cold start, 1 mapping', unit: 'ms', against: times('start.node') },
  { key: 'start.first', label: 'first start, 10,000 mappings', unit: 'ms', against: times('start.node') },
  { key: 'start.again', label: 'next start, 10,000 mappings', unit: 'ms', against: times('start.node') },
  { key: 'rss.node', label: 'idle memory, bare Node', unit: 'MiB' },
  { key: 'rss.few', label: 'idle memory, 1 mapping', unit: 'MiB' },
  { key: 'rss.many', label: 'idle memory, 10,000 mappings', unit: 'MiB' },
  { key: 'growth.exchanges', label: 'growth: exchanges', unit: 'n' },
  { key: 'growth.0', label: 'growth: memory when warm', unit: 'MiB' },
  { key: 'growth.10', label: 'growth: memory at the end', unit: 'MiB', against: times('growth.0') },
];
