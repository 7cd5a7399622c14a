import type { Outbound } from '../../outbound/outbound.ts';
import type { RetryBudget } from '../retry-budget.ts';

/** All calls of one issuance: one endpoint, one deadline. */
export interface Flight {
  readonly outbound: Outbound;
  /** Base URL of STS. */
  readonly endpoint: string;
  readonly region: string;
  /** What is left, milliseconds: never more than the whole and never nothing. */
  readonly timeoutMs: () => number;
  readonly retries: Pick<RetryBudget, 'called' | 'spend'>;
}
