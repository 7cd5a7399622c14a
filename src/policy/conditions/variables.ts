import type { Type } from './types.ts';

const TEXT_MAP: Type = { key: 'string', value: 'string' };
const CLAIMS: Type = { key: 'string', value: 'dyn' };

/** The variables of a condition with their types (DESIGN section 6). */
export const VARIABLES: Readonly<Record<string, Type>> = {
  identity: {
    record: {
      issuer: 'string',
      kind: 'string',
      cluster: 'string',
      namespace: 'string',
      serviceAccount: 'string',
      pod: 'string',
      node: 'string',
      uid: 'string',
      spiffeId: 'string',
      claims: CLAIMS,
      liveness: 'string',
    },
  },
  issuer: { record: { name: 'string', labels: TEXT_MAP } },
  request: { record: { time: 'timestamp', ttl: 'duration', scope: 'string' } },
  target: { record: { kind: 'string', id: 'string' } },
};
