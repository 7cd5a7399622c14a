import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Recordable, recordJson } from '../../src/audit/events.ts';
import { GENESIS, parseLine, TAIL_BYTES } from '../../src/audit/line.ts';
import { LineBytes } from '../../src/audit/line-bytes.ts';
import { MAX_LINE_BYTES } from '../../src/audit/line-limit.ts';
import type { AwsGrant } from '../../src/core/decision.ts';
import { TokenType } from '../../src/core/token-types.ts';
import { fc } from '../support/properties.ts';
import { event, oidcIdentity, podIdentity, STREAM, toLine } from './audit-records.ts';

const AT = Date.parse('2026-11-22T09:00:00.123Z');

function lineOf(record: Recordable, after = GENESIS): string {
  return toLine({ stream: STREAM, after, at: AT, record }).line;
}

function membersOf(line: string): Record<string, unknown> {
  return JSON.parse(line);
}

describe('record v1', () => {
  test('is one JSON line with the frozen members in their order', () => {
    const line = lineOf({
      ...event('issued', 't-1'),
      credential: { id: 'j', expiresAt: 9 },
      upstreamRequestId: 'r',
      packedPolicyPercent: 31,
    });
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(Object.keys(membersOf(line))).toEqual([
      ...['v', 'stream', 'seq', 'at', 'prev', 'type', 'traceId', 'revision', 'decider', 'issuer', 'identity'],
      ...['jtiSha256', 'request', 'mapping', 'outcome', 'grant', 'credential', 'upstream', 'hash'],
    ]);
    expect(membersOf(line)).toMatchObject({
      v: 1,
      stream: STREAM,
      seq: 1,
      at: '2026-11-22T09:00:00.123Z',
      prev: '0'.repeat(64),
      issuer: 'eu-1',
      grant: { target: 'billing.internal', ttl: 300, enforcedBy: [] },
      upstream: { requestId: 'r', packedPolicyPercent: 31 },
    });
  });

  test('has its members in their order also where it has all of them', () => {
    const all = { ...event('failed', 't-1'), reason: 'inactive', error: 'target_denied', detail: 'd' } as const;
    const credential = { id: 'j', expiresAt: 9 };
    const beside = [{ mode: 'report', outcome: 'allowed' }] as const;
    const line = lineOf({ ...all, credential, upstreamRequestId: 'r', beside });
    expect(Object.keys(membersOf(line)).slice(-10)).toEqual([
      ...['mapping', 'outcome', 'reason', 'grant', 'credential', 'upstream', 'error', 'detail', 'beside', 'hash'],
    ]);
  });

  test('is the same for each record of one request, but for what came of it and where it stands', () => {
    const allowed = event('allowed', 't-1');
    const [first, second] = [allowed, { ...allowed, type: 'issued' as const }].map((one) => membersOf(lineOf(one)));
    expect(second).toEqual({ ...first, type: 'issued', outcome: 'issued', hash: second?.['hash'] });
    const shorter = allowed.grant && { ...allowed.grant, ttlSeconds: 60 };
    expect(membersOf(lineOf({ ...allowed, grant: shorter }))).toMatchObject({ grant: { ttl: 60 } });
  });

  test('says of the target’s answer what is known of it, and nothing where nothing is', () => {
    const upstreamOf = (more: object) => membersOf(lineOf({ ...event('issued', 't-1'), ...more }))['upstream'];
    expect(upstreamOf({ packedPolicyPercent: 0 })).toEqual({ packedPolicyPercent: 0 });
    expect(upstreamOf({ upstreamRequestId: 'r' })).toEqual({ requestId: 'r' });
    expect(upstreamOf({})).toBeUndefined();
  });

  test('ends in the fixed tail, whose hash is SHA-256 over all bytes before it', () => {
    const bytes = Buffer.from(lineOf(event('allowed', 'π-😀')).slice(0, -1));
    const tail = bytes.subarray(-75).toString();
    expect(TAIL_BYTES).toBe(75);
    expect(tail).toMatch(/^,"hash":"[0-9a-f]{64}"\}$/);
    expect(tail.slice(9, -2)).toBe(createHash('sha256').update(bytes.subarray(0, -75)).digest('hex'));
  });

  test('chains by seq and by the hash of the record before', () => {
    const first = toLine({ stream: STREAM, after: GENESIS, at: AT, record: event('allowed', 'a') });
    const second = membersOf(lineOf(event('issued', 'a'), first.head));
    expect(second).toMatchObject({ seq: 2, prev: first.head.hash });
  });

  test('holds the attributes decided on and the hashed jti, never the jti itself (E18)', () => {
    const { identity, jtiSha256 } = membersOf(lineOf(event('allowed', 'a')));
    const { issuer: _, jtiSha256: __, ...attributes } = podIdentity;
    expect(identity).toEqual(attributes);
    expect(jtiSha256).toBe(podIdentity.jtiSha256);
    const oidc = lineOf(event('allowed', 'a', oidcIdentity({ jti: 'the-raw-jti', ref: 'refs/heads/main' })));
    expect(membersOf(oidc)['identity']).toMatchObject({ kind: 'oidc', claims: { ref: 'refs/heads/main' } });
    expect(oidc).not.toContain('the-raw-jti');
  });

  test('keeps claims with prototype names as ordinary members', () => {
    const claims = JSON.parse('{"__proto__":{"admin":true},"constructor":"x","jti":"j"}');
    const line = lineOf(event('allowed', 'a', oidcIdentity(claims)));
    expect(line).toContain('"claims":{"__proto__":{"admin":true},"constructor":"x"}');
  });

  test('names the session of an AWS grant, so that the record can be found in the cloud log', () => {
    const grant: AwsGrant = {
      kind: 'aws',
      mapping: 'reports',
      targetId: 'arn:aws:iam::123456789012:role/reports',
      ttlSeconds: 900,
      issuedTokenType: TokenType.awsCredentials,
      enforcedBy: ['session-policy'],
      deliver: 'credentials',
      roleArn: 'arn:aws:iam::123456789012:role/reports',
      region: 'eu-central-1',
      sessionName: 'payments.reports',
      tags: {},
      transitiveTagKeys: [],
    };
    expect(membersOf(lineOf({ ...event('allowed', 'a'), grant }))['grant']).toEqual({
      target: grant.roleArn,
      ttl: 900,
      enforcedBy: ['session-policy'],
      kind: 'aws',
      deliver: 'credentials',
      session: 'payments.reports',
    });
  });
});

describe('the limit of a line', () => {
  test('leaves a record alone that just fits, and marks one that is a byte longer', () => {
    const plain = Buffer.byteLength(lineOf({ type: 'changed', outcome: '' }));
    const fitting = lineOf({ type: 'changed', outcome: 'x'.repeat(MAX_LINE_BYTES - plain) });
    expect(Buffer.byteLength(fitting)).toBe(MAX_LINE_BYTES);
    expect(membersOf(fitting)).not.toHaveProperty('truncated');
    const cut = membersOf(lineOf({ type: 'changed', outcome: 'x'.repeat(MAX_LINE_BYTES - plain + 1) }));
    expect(cut).toMatchObject({ truncated: ['strings:1024'], outcome: `${'x'.repeat(1024)}…` });
    expect(cut).not.toHaveProperty('identity');
  });

  test('drops the largest claims first and keeps the hash of all', () => {
    const claims = { small: 'kept', big: 'b'.repeat(20_000), huge: 'h'.repeat(30_000) };
    const record = membersOf(lineOf(event('allowed', 'a', oidcIdentity(claims))));
    expect(record['truncated']).toEqual(['claims']);
    expect(record['identity']).toMatchObject({
      subject: 'repo:acme/app',
      claims: { small: 'kept' },
      claimsSha256: createHash('sha256').update(JSON.stringify(claims)).digest('hex'),
    });
  });

  test('leaves the lines before it in a batch as they are, however many there are and however long it was', () => {
    const lines = new LineBytes();
    const long = event('allowed', 'long', oidcIdentity({ one: 'x'.repeat(900_000) }));
    const records = [...Array.from({ length: 2_000 }, (_, n) => event('issued', `${n}`)), long, event('allowed', 'a')];
    let [text, after] = ['', GENESIS];
    for (const record of records) {
      const alone = toLine({ stream: STREAM, after, at: AT, record });
      expect(lines.add({ stream: STREAM, after, at: AT, record: recordJson(record) })).toEqual(alone.head);
      [text, after] = [text + alone.line, alone.head];
    }
    expect(lines.bytes.toString()).toBe(text);
    lines.clear();
    expect(lines.bytes).toHaveLength(0);
  });

  test('holds for whatever a caller can send, and the line stays sound', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 8_000 }), fc.constant('\u0000'.repeat(16_384)));
    fc.assert(
      fc.property(
        text,
        fc.array(text, { maxLength: 20 }),
        fc.dictionary(text, fc.jsonValue()),
        (word, list, claims) => {
          const identity = { ...oidcIdentity(JSON.parse(JSON.stringify(claims))), subject: word };
          const request = { addresses: list, scope: word, type: word };
          const line = Buffer.from(lineOf({ ...event('refused', word, identity, request), detail: word }));
          expect(line.length).toBeLessThanOrEqual(MAX_LINE_BYTES);
          expect(line.indexOf('\n')).toBe(line.length - 1);
          expect(parseLine(line.subarray(0, -1))).toMatchObject({ seq: 1, stream: STREAM });
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe('parseLine', () => {
  const bytes = Buffer.from(lineOf(event('allowed', 'a')).slice(0, -1));

  test('accepts what was written, and nothing that differs in one bit', () => {
    expect(parseLine(bytes)).toMatchObject({ v: 1, seq: 1, type: 'allowed' });
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(parseLine(changed)).toHaveProperty('fault');
    }
  });

  test('accepts an older version and fields it does not know, and names a newer version', () => {
    const sealed = (text: string) =>
      Buffer.from(`${text},"hash":"${createHash('sha256').update(text).digest('hex')}"}`);
    const of = (v: string) =>
      sealed(
        `{"v":${v},"stream":"s","seq":7,"at":"2026-11-22T09:00:00.123Z","prev":"${'0'.repeat(64)}","type":"later"`,
      );
    expect(parseLine(of('0'))).toMatchObject({ v: 0, seq: 7, type: 'later' });
    expect(parseLine(of('2'))).toEqual({ fault: 'version', seq: 7 });
    expect(parseLine(of('"1"'))).toEqual({ fault: 'malformed', seq: 7 });
  });

  test.each(['', '{', '[]', 'null', `x${'0'.repeat(80)}`, `,"hash":"${'0'.repeat(64)}"}`])(
    'calls %j malformed or unsound without throwing',
    (text) => {
      expect(parseLine(Buffer.from(text))).toHaveProperty('fault');
    },
  );
});
