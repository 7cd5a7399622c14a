import { expect, test } from 'vitest';
import { isStreamName } from '../../src/audit/segments.ts';
import { streamName } from '../../src/audit/stream-name.ts';

test('is what the configuration says, else `carnet` in a store for one replica', () => {
  expect(streamName({ directory: '/a', stream: 'carnet-0' }, true)).toBe('carnet-0');
  expect(streamName({ directory: '/a', stream: 'carnet-0' }, false)).toBe('carnet-0');
  expect(streamName({ directory: '/a' }, false)).toBe('carnet');
});

test('in a shared store is the same after a restart, and another for another host or directory', () => {
  const name = streamName({ directory: '/a' }, true, 'carnet-0');
  expect(name).toMatch(/^carnet-0-[0-9a-f]{8}$/);
  expect(streamName({ directory: '/a' }, true, 'carnet-0')).toBe(name);
  expect(streamName({ directory: '/b' }, true, 'carnet-0')).not.toBe(name);
  expect(streamName({ directory: '/a' }, true, 'carnet-1')).not.toBe(name);
});

test.each(['', '-', 'Replica_0', 'x'.repeat(300), '\u202e', 'a.'])('can name a folder on the host %j too', (host) => {
  expect(isStreamName(streamName({ directory: '/a' }, true, host))).toBe(true);
});
