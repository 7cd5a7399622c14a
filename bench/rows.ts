/** A line of the table. */
export interface Row {
  readonly key: string;
  readonly label: string;
  readonly unit: 'µs' | 'ns' | 'ms' | 'MiB' | 'n';
  /** What the figure is set against: how much of L it is, or how many times another row. */
  readonly against?: { readonly kind: 'share-of-L' } | { readonly kind: 'times'; readonly key: string };
}

/** L, the limit of an exchange: what it costs to verify one token, sign another and answer one form, and nothing else. */
export const LIMIT = { key: 'L', parts: ['verify.sync', 'sign.sync', 'floor.node'] } as const;

const times = (key: string) => ({ kind: 'times', key }) as const;
const share = { kind: 'share-of-L' } as const;

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
  { key: 'refused.malformed', label: 'refused: malformed', unit: 'µs', against: times('exchange.full') },
  { key: 'refused.unknownIssuer', label: 'refused: unknown issuer', unit: 'µs', against: times('exchange.full') },
  { key: 'refused.badSignature', label: 'refused: bad signature', unit: 'µs', against: times('exchange.full') },
  { key: 'refused.expired', label: 'refused: expired', unit: 'µs', against: times('exchange.full') },
  { key: 'decide.10', label: 'decide, 10 mappings', unit: 'ns' },
  { key: 'decide.1000', label: 'decide, 1,000 mappings', unit: 'ns', against: times('decide.10') },
  { key: 'decide.100000', label: 'decide, 100,000 mappings', unit: 'ns', against: times('decide.10') },
  { key: 'examined.10', label: 'examined, 10 mappings', unit: 'n' },
  { key: 'examined.1000', label: 'examined, 1,000 mappings', unit: 'n', against: times('examined.10') },
  { key: 'examined.100000', label: 'examined, 100,000 mappings', unit: 'n', against: times('examined.10') },
  { key: 'load.cpu', label: 'load 10,000 mappings, CPU', unit: 'ms' },
  { key: 'load.held', label: 'heap of 10,000 mappings', unit: 'MiB' },
  { key: 'start.node', label: 'cold start, bare Node', unit: 'ms' },
  { key: 'start.few', label: 'cold start, 1 mapping', unit: 'ms', against: times('start.node') },
  { key: 'start.first', label: 'first start, 10,000 mappings', unit: 'ms', against: times('start.node') },
  { key: 'start.again', label: 'next start, 10,000 mappings', unit: 'ms', against: times('start.node') },
  { key: 'rss.node', label: 'idle memory, bare Node', unit: 'MiB' },
  { key: 'rss.few', label: 'idle memory, 1 mapping', unit: 'MiB' },
  { key: 'rss.many', label: 'idle memory, 10,000 mappings', unit: 'MiB' },
];
