import { type ExchangeEvent, type Recordable, recordJson } from '../../src/audit/events.ts';
import { GENESIS, type Head, parseLine } from '../../src/audit/line.ts';
import { LineBytes, type Placed } from '../../src/audit/line-bytes.ts';
import type { AuditRecord, RecordBody, RecordedRequest } from '../../src/audit/record.ts';
import { RecordedCase } from '../../src/audit/recorded-case.ts';
import type { Ask, JwtSvidGrant } from '../../src/core/decision.ts';
import type { KubernetesIdentity, OidcIdentity, VerifiedIdentity } from '../../src/core/identity.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import { TokenType } from '../../src/core/token-types.ts';
import {
  type DocumentStore,
  type DocumentWrite,
  type StoredDocument,
  VersionConflict,
} from '../../src/store/document-store.ts';

export const STREAM = 'replica-0';

export const podIdentity: KubernetesIdentity = {
  kind: 'kubernetes',
  issuer: 'eu-1',
  subject: 'system:serviceaccount:payments:reports',
  spiffeId: 'spiffe://example.org/cluster/eu-1/ns/payments/sa/reports',
  issuedAt: 1_795_000_000,
  expiresAt: 1_795_003_607,
  jtiSha256: 'ab'.repeat(32),
  cluster: 'eu-1',
  namespace: 'payments',
  serviceAccount: 'reports',
  serviceAccountUid: '5b2a6b1e-0000-4000-8000-000000000001',
  pod: { name: 'reports-7d9', uid: '5b2a6b1e-0000-4000-8000-000000000002' },
  node: { name: 'node-1' },
  binding: 'pod',
  liveness: 'not_asked',
};

export function oidcIdentity(claims: JsonObject): OidcIdentity {
  const { issuedAt, expiresAt, jtiSha256 } = podIdentity;
  return { kind: 'oidc', issuer: 'ci', subject: 'repo:acme/app', issuedAt, expiresAt, jtiSha256, claims };
}

const svidGrant: JwtSvidGrant = {
  kind: 'jwtSvid',
  mapping: 'mesh',
  targetId: 'billing.internal',
  ttlSeconds: 300,
  issuedTokenType: TokenType.jwtSvid,
  enforcedBy: [],
  deliver: 'credentials',
  audience: 'billing.internal',
  spiffeId: 'spiffe://example.org/cluster/eu-1/ns/payments/sa/reports',
};

export function event(
  type: ExchangeEvent['type'],
  traceId: string,
  identity: VerifiedIdentity = podIdentity,
  request: RecordedRequest = { addresses: ['mesh'] },
): ExchangeEvent {
  const refused = type === 'refused';
  return {
    type,
    about: new RecordedCase({ traceId, revision: 'r-0123456789abcdef', decider: '1', identity, request }),
    mapping: 'mesh',
    ...(refused ? { error: 'target_denied', reason: 'guardrail', detail: 'two-hours-at-most' } : { grant: svidGrant }),
  };
}

/** The members of a record in their order. */
export function toBody(event: ExchangeEvent): RecordBody {
  const { type, objects } = recordJson(event);
  return Object.assign({ type }, ...objects.map((object) => JSON.parse(object)));
}

const lines = new LineBytes();

type Unwritten = Omit<Placed, 'record'> & { readonly record: Recordable };

/** A record as its line, newline included. */
export function toLine({ record, ...place }: Unwritten): { readonly line: string; readonly head: Head } {
  lines.clear();
  const head = lines.add({ ...place, record: recordJson(record) });
  return { line: lines.bytes.toString(), head };
}

/** A body as it comes back from the log. */
export function readBack(record: RecordBody, at: number): AuditRecord {
  const { line } = toLine({ stream: STREAM, after: GENESIS, at, record });
  const link = parseLine(Buffer.from(line.trimEnd()));
  if ('fault' in link) throw new Error(link.fault);
  return link.members as unknown as AuditRecord;
}

/** What a request that was allowed leaves, whatever it was given. */
export function requestRecord(identity: VerifiedIdentity, asked: Ask, at: number): AuditRecord {
  const { address, requestedTokenType: type, scopes, ttlSeconds: ttl } = asked;
  const request = { addresses: [address], type, scope: scopes.length > 0 ? scopes.join(' ') : undefined, ttl };
  return readBack(toBody(event('allowed', 'trace', identity, request)), at);
}

/** A DocumentStore with true compare-and-swap that can be told to fail. */
export class MemoryStore implements DocumentStore {
  readonly documents = new Map<string, StoredDocument>();
  failure: Error | undefined;
  /** Writes, and then says that it failed. */
  losesAnswers = false;

  async get(collection: string, name: string): Promise<StoredDocument | undefined> {
    if (this.failure !== undefined) throw this.failure;
    return this.documents.get(`${collection}/${name}`);
  }

  async put(collection: string, name: string, value: JsonValue, ifVersion: number): Promise<number> {
    if (this.failure !== undefined) throw this.failure;
    const present = this.documents.get(`${collection}/${name}`)?.version ?? 0;
    if (present !== ifVersion) throw new VersionConflict({ collection, name, ifVersion });
    this.documents.set(`${collection}/${name}`, { collection, name, version: present + 1, value });
    if (this.losesAnswers) throw new Error('connection lost');
    return present + 1;
  }

  async putAll(writes: readonly DocumentWrite[]): Promise<void> {
    for (const { collection, name, value, ifVersion } of writes) await this.put(collection, name, value, ifVersion);
  }

  async delete(collection: string, name: string, ifVersion: number): Promise<void> {
    if (this.documents.get(`${collection}/${name}`)?.version !== ifVersion) {
      throw new VersionConflict({ collection, name, ifVersion });
    }
    this.documents.delete(`${collection}/${name}`);
  }

  async history(): Promise<readonly StoredDocument[]> {
    return [];
  }

  async list(collection: string): Promise<readonly StoredDocument[]> {
    return [...this.documents.values()].filter((document) => document.collection === collection);
  }

  watch(): () => void {
    return () => undefined;
  }

  async close(): Promise<void> {}
}
