import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { readCompactJws } from '../../src/verifiers/compact-jws.ts';
import { fc } from '../support/properties.ts';

const encoded = (text: string) => Buffer.from(text).toString('base64url');
const FRONT = `${encoded('{"alg":"RS256","kid":"k1"}')}.${encoded('{"iss":"x"}')}.`;

function isRead(segment: string): boolean {
  try {
    readCompactJws(new Secret(FRONT + segment));
    return true;
  } catch {
    return false;
  }
}

/** RFC 4648 section 3.5 by the letter: encoding what was decoded gives the same text again. */
function isCanonical(segment: string): boolean {
  return segment !== '' && Buffer.from(segment, 'base64url').toString('base64url') === segment;
}

/** With and without bits left over, of the other alphabet, padding, space, and wider ones whose low byte is a letter. */
const CHARACTERS = [...'ABEQgw8_-+/=.,% \n\0', '\u0141', '\u00e9', '\u{10041}'];

describe('a segment of a token (V1)', () => {
  test('is read if and only if encoding its bytes gives it again: all of up to four telling characters', () => {
    let segments = [''];
    for (let length = 1; length <= 4; length += 1) {
      segments = segments.flatMap((segment) => CHARACTERS.map((character) => segment + character));
      expect(segments.filter((segment) => isRead(segment) !== isCanonical(segment))).toEqual([]);
    }
    expect(segments.some(isCanonical)).toBe(true);
  });

  test('is read if and only if encoding its bytes gives it again: whatever is changed in a long one', () => {
    const segment = fc
      .uint8Array({ minLength: 1, maxLength: 300 })
      .map((bytes) => Buffer.from(bytes).toString('base64url'));
    const other = fc.oneof(fc.constantFrom(...CHARACTERS, ''), fc.string({ unit: 'binary', maxLength: 3 }));
    let read = 0;
    fc.assert(
      fc.property(segment, fc.nat(), other, fc.nat(2), (whole, place, insert, remove) => {
        const at = place % (whole.length + 1);
        const changed = whole.slice(0, at) + insert + whole.slice(at + remove);
        if (isRead(changed)) read += 1;
        expect(isRead(whole)).toBe(true);
        expect(isRead(changed)).toBe(isCanonical(changed));
      }),
      { numRuns: 3000 },
    );
    expect(read).toBeGreaterThan(100);
  });
});
