/** Retries at once after a quiet time, and the calls that earn one more: a tenth of all calls in the long run. */
const MOST = 10;
const CALLS_FOR_ONE = 10;

/**
 * What a target may spend on second tries, so that a target that fails is not asked twice as often because it fails. A
 * target has one for as long as the process runs, says `called()` once for each call before its first try, and tries
 * again only where `spend()` says so:
 *
 *     retries.called();
 *     … catch (error) { if (!worthRetry(error) || !retries.spend()) throw error; }
 */
export class RetryBudget {
  /** In parts of a retry, so that nothing is rounded. */
  #parts = MOST * CALLS_FOR_ONE;

  /** A call begins. */
  called(): void {
    this.#parts = Math.min(MOST * CALLS_FOR_ONE, this.#parts + 1);
  }

  /** True when one more try may go now; it is then spent. */
  spend(): boolean {
    if (this.#parts < CALLS_FOR_ONE) return false;
    this.#parts -= CALLS_FOR_ONE;
    return true;
  }
}
