import { randomBytes } from 'node:crypto';
import type { Clock } from '../../src/core/clock.ts';
import type { AccessBoundary } from './gcp-boundary.ts';
import { GcpRefusal } from './gcp-wire.ts';

/** What one of Google's opaque access tokens stands for. */
export interface AccessGrant {
  /** The names by which IAM policies know its holder. */
  readonly principals: readonly string[];
  readonly scopes: readonly string[];
  /** Milliseconds. */
  readonly expiresAt: number;
  readonly boundary?: AccessBoundary;
}

const CLOUD_PLATFORM = 'https://www.googleapis.com/auth/cloud-platform';

/** Google's memory of the access tokens that it has issued. */
export class GcpAccessTokens {
  readonly #clock: Clock;
  readonly #grants = new Map<string, AccessGrant>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  issue(grant: AccessGrant): string {
    const token = `ya29.${randomBytes(96).toString('base64url')}`;
    this.#grants.set(token, grant);
    return token;
  }

  /** Undefined for a token that is unknown or has ended. */
  find(token: string): AccessGrant | undefined {
    const grant = this.#grants.get(token);
    return grant !== undefined && grant.expiresAt > this.#clock.now() ? grant : undefined;
  }

  /** Whoever sends this Authorization header, with one of these scopes or that for everything. Throws GcpRefusal. */
  caller(authorization: string | undefined, scopes: readonly string[]): AccessGrant {
    const grant = this.find(/^Bearer (\S+)$/.exec(authorization ?? '')?.[1] ?? '');
    if (grant === undefined) {
      throw GcpRefusal.rpc('UNAUTHENTICATED', 'Request had invalid authentication credentials.');
    }
    if (!grant.scopes.some((scope) => scope === CLOUD_PLATFORM || scopes.includes(scope))) {
      throw GcpRefusal.rpc('PERMISSION_DENIED', 'Request had insufficient authentication scopes.');
    }
    return grant;
  }
}
