import { describe, expect, test } from 'vitest';
import { markdownTable } from '../../src/cli/markdown.ts';
import { csv } from '../../src/cli/reports/csv.ts';

describe('CSV', () => {
  test('is rows of quoted cells, ended as RFC 4180 says', () => {
    expect(csv(['a', 'b'], [['1', 'x, "y"']])).toBe('"a","b"\r\n"1","x, ""y"""\r\n');
  });

  test.each(['=1+1', '+1', '-1', '@SUM(A1)', '  =1', '\uff1d1', "'=1", '|cmd'])(
    'takes %j for text and not for a formula',
    (text) => {
      expect(csv([], [[text]])).toMatch(/^\r\n"'/);
    },
  );

  test('leaves what is no formula as it is, and lets no line break out of its cell', () => {
    expect(csv([], [['a=1']])).toBe('\r\n"a=1"\r\n');
    expect(csv([], [['a\r\n=1']])).toBe('\r\n"a??=1"\r\n');
  });
});

describe('a Markdown table', () => {
  test('has a heading, a line and the rows', () => {
    expect(markdownTable(['a', 'b'], [['1', '2']])).toBe('| a | b |\n| --- | --- |\n| 1 | 2 |\n');
  });

  test.each([
    ['a | b', 'a \\| b'],
    ['a\nb', 'a?b'],
    ['<img src=x>', '&lt;img src=x&gt;'],
    ['![x](y)', '\\!\\[x\\]\\(y\\)'],
    ['&lt;', '&amp;lt;'],
    ['`a`', '\\`a\\`'],
    ['@team https://a', '&#64;team https:&#47;/a'],
  ])('takes %j for text', (text, cell) => {
    expect(markdownTable([], [[text]])).toContain(`| ${cell} |`);
  });
});
