import { describe, expect, test } from 'vitest';
import { LineBuffer } from '../../src/telemetry/line-buffer.ts';

/** A buffer whose turns of the event loop are made by hand. */
function bufferByHand() {
  const deferred: (() => void)[] = [];
  const written: string[] = [];
  const buffer = new LineBuffer({
    destination: { write: (text) => written.push(text) },
    defer: (flush) => deferred.push(flush),
  });
  const nextTurn = () => {
    for (const flush of deferred.splice(0)) flush();
  };
  return { buffer, deferred, written, nextTurn };
}

describe('LineBuffer', () => {
  test('writes the lines of one turn together, in order, and those of the next by themselves', () => {
    const { buffer, written, nextTurn, deferred } = bufferByHand();
    buffer.write('1\n');
    buffer.write('2\n');
    expect(written).toEqual([]);
    expect(deferred).toHaveLength(1);
    nextTurn();
    expect(written).toEqual(['1\n2\n']);
    buffer.write('3\n');
    nextTurn();
    expect(written).toEqual(['1\n2\n', '3\n']);
  });

  test('holds no more than 64 Ki characters back', () => {
    const { buffer, written, nextTurn } = bufferByHand();
    const line = `${'x'.repeat(1023)}\n`;
    for (let count = 0; count < 64; count += 1) buffer.write(line);
    expect(written).toEqual([]);
    buffer.write(line);
    expect(written.join('')).toBe(line.repeat(65));
    nextTurn();
    expect(written).toHaveLength(1);
  });

  test('writes what there is at once when it is told to, and nothing twice', () => {
    const { buffer, written, nextTurn } = bufferByHand();
    buffer.write('last\n');
    buffer.flush();
    buffer.flush();
    nextTurn();
    expect(written).toEqual(['last\n']);
  });
});
