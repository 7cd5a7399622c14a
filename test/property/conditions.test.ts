import { expect, test } from 'vitest';
import { CelConditions } from '../../src/policy/conditions/cel-conditions.ts';
import { ATTRIBUTES } from '../support/attributes.ts';
import { fc } from '../support/properties.ts';

const piece = fc.constantFrom(
  ...['identity', '.pod', '.claims', '.a', '["a"]', 'issuer.labels', 'request.time', 'request.ttl', 'target.kind', 'x'],
  ...[
    '.exists(x, ',
    '.all(x, ',
    '.map(x, ',
    'has(',
    'size(',
    'int(',
    '.matches("',
    '.getHours("',
    'timestamp("',
    'dyn(',
  ],
  ...['(', ')', '[', ']', '{', '}', ',', '"', "'", 'r"', 'b"', '\\', '?', ':', '!', '-', '+', '*', '/', '%', '.', ' '],
  ...[
    '==',
    '!=',
    '<',
    '>=',
    '&&',
    '||',
    ' in ',
    '0',
    '1',
    '1u',
    '0.5',
    '1e9',
    '0xff',
    'true',
    'false',
    'null',
    '//',
    '\n',
  ],
  ...['ä', '😀', '\u0000', '`', '_', '__proto__', 'constructor', 'cel.bind(', 'a{1,9}', '(a+)+$'],
);
const text = fc.oneof(
  fc.array(piece, { maxLength: 24 }).map((pieces) => pieces.join('')),
  fc.array(piece, { maxLength: 6 }).map((pieces) => `identity.pod == "" || ${pieces.join('')} == ${pieces.join('')}`),
  fc.string({ maxLength: 200, unit: 'binary' }),
);

test('whatever the text, it is a condition with an answer, or faults with a place in it', () => {
  const conditions = new CelConditions();
  let good = 0;
  fc.assert(
    fc.property(text, (one) => {
      const compiled = conditions.compile(one);
      if (compiled.ok) {
        expect(['true', 'false', 'error']).toContain(compiled.condition.ask(ATTRIBUTES).kind);
        good += 1;
      } else {
        for (const { offset, message } of compiled.faults) {
          expect(offset >= 0 && offset <= one.length, `${offset} in ${JSON.stringify(one)}`).toBe(true);
          expect(message).not.toBe('');
        }
      }
    }),
    { numRuns: 4000 },
  );
  expect(good).toBeGreaterThan(20);
});
