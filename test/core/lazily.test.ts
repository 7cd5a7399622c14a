import { describe, expect, it } from 'vitest';
import { lazily } from '../../src/core/lazily.ts';

describe('what is made when it is needed', () => {
  it('is not made before it is asked for, and then once for all', () => {
    let made = 0;
    const table = lazily(() => {
      made += 1;
      return new Map<string, number>();
    });
    expect(made).toBe(0);
    table().set('one', 1);
    expect(table().get('one')).toBe(1);
    expect(made).toBe(1);
  });
});
