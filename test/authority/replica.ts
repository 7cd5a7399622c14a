import { createSecretKey, randomBytes } from 'node:crypto';
import type { Purpose } from '../../src/authority/authority.ts';
import type { KeyEvent } from '../../src/authority/key-journal.ts';
import { type KeyRotator, startKeyRotator } from '../../src/authority/key-rotator.ts';
import { createAuthority, type LocalAuthority } from '../../src/authority/local-authority.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { DocumentStore } from '../../src/store/document-store.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import type { FakeClock } from '../support/fake-clock.ts';

const ISSUER = 'https://sts.example.org';
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const encryptionKey = createSecretKey(randomBytes(32));

export interface Replica {
  readonly authority: LocalAuthority;
  readonly rotator: KeyRotator;
  readonly metrics: ReturnType<typeof createMetrics>;
  readonly failures: unknown[];
}

interface ReplicaOptions {
  readonly store: DocumentStore;
  readonly clock: FakeClock;
  readonly rotateEveryMs?: number;
  readonly record?: (event: KeyEvent) => Promise<void>;
}

/** The keys of one running service; time passes only by its clock, and a pass happens only when it is asked for. */
export async function startReplica(options: ReplicaOptions): Promise<Replica> {
  const { store, clock, rotateEveryMs = 30 * DAY, record = async () => undefined } = options;
  const authority = await createAuthority({ issuer: ISSUER, store, encryptionKey, clock });
  const metrics = createMetrics();
  const failures: unknown[] = [];
  const rotator = await startKeyRotator({
    store,
    clock,
    encryptionKey,
    authority,
    metrics,
    rotateEveryMs,
    record,
    onFailure: ({ cause }) => failures.push(cause),
    everyMinute: () => () => undefined,
  });
  return { authority, rotator, metrics, failures };
}

/** What a target would ask to be signed, living as long as the purpose allows. */
export function claimsOf(purpose: Purpose, now: number): JsonObject {
  const iat = Math.floor(now / 1000);
  const common = { aud: 'https://ledger.example.org', iat, jti: 'id-1' };
  return purpose === 'cloud'
    ? { ...common, sub: 'mapping:deploy', nbf: iat, exp: iat + 300 }
    : { ...common, sub: 'spiffe://example.org/ns/pay/sa/api', exp: iat + 86_400 };
}
