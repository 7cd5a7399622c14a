import type { AccessRequests } from '../catalog/access-requests.ts';
import type { Clock } from '../core/clock.ts';
import type { GrantedAccess } from '../core/decision.ts';
import { OAuthError } from '../core/oauth-error.ts';
import { accessStateAt } from '../resources/access-request.ts';
import { VersionConflict } from '../store/document-store.ts';

/** Replicas that take a use at the same moment: each conflict is a use that somebody else has got. */
const MAX_ATTEMPTS = 16;
/** Exchanges that wait for their turn. */
const MAX_WAITING = 64;
/** How long one of them waits in all. */
const PATIENCE_MS = 10_000;

interface AccessUseDeps {
  readonly access: Pick<AccessRequests, 'get' | 'put'>;
  readonly clock: Clock;
  /** Default 10,000 ms. */
  readonly patienceMs?: number;
}

/**
 * Counts what access that is good for a number of credentials is used for, in the store and before the credential may
 * exist: the one place where an exchange waits for the store (docs/adr/0023-just-in-time-access.md).
 */
export class AccessUse {
  readonly #deps: AccessUseDeps;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(deps: AccessUseDeps) {
    this.#deps = deps;
  }

  /**
   * Takes one use, durably; it stays taken whatever becomes of the credential. Throws OAuthError `target_denied` with
   * `awaiting_approval` where none is left or the access has ended, `access_unavailable` where nobody can tell.
   */
  async take(granted: GrantedAccess): Promise<void> {
    if (this.#waiting >= MAX_WAITING) throw unavailable('too many wait for the store');
    this.#waiting += 1;
    let waits = true;
    // One after the other: among those of one process nobody loses to a neighbour. Who has given up takes nothing.
    const turn = this.#tail.then(() => {
      if (!waits) throw unavailable('the store is slow');
      return this.#take(granted);
    });
    this.#tail = turn
      .catch(() => undefined)
      .finally(() => {
        this.#waiting -= 1;
      });
    await this.#inTime(turn).finally(() => {
      waits = false;
    });
  }

  #inTime(turn: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = () => reject(unavailable('the store is slow'));
      const timer = setTimeout(late, this.#deps.patienceMs ?? PATIENCE_MS);
      turn.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  async #take({ request: name, until }: GrantedAccess): Promise<void> {
    const { access, clock } = this.#deps;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const { version, request } = await access.get(name).catch((cause) => {
        throw unavailable('the store cannot be read', cause);
      });
      if (request?.notAfter !== until || accessStateAt(request, clock.now()) !== 'approved') {
        throw new OAuthError('target_denied', {
          reason: 'awaiting_approval',
          detail: `${name}: no use is left`,
          accessRequest: { name, state: 'expired' },
        });
      }
      try {
        const uses = request.uses + 1;
        const isLast = request.maxUses !== undefined && uses >= request.maxUses;
        await access.put(name, { ...request, uses, ...(isLast && { endedAt: clock.now() }) }, version);
        return;
      } catch (cause) {
        if (!(cause instanceof VersionConflict)) throw unavailable('the store cannot be written', cause);
      }
    }
    throw unavailable('others were faster each time');
  }
}

function unavailable(detail: string, cause?: unknown): OAuthError {
  return new OAuthError('access_unavailable', { detail, cause });
}
