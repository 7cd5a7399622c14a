import { describe, expect, test } from 'vitest';
import { barChart, decadesAround, lineChart, ticksTo } from '../../bench/svg.ts';

describe('the marks of an axis', () => {
  test.each([
    [9.7, [0, 2, 4, 6, 8, 10]],
    [100, [0, 20, 40, 60, 80, 100]],
    [0.9, [0, 0.2, 0.4, 0.6, 0.8, 1]],
    [12, [0, 2.5, 5, 7.5, 10, 12.5]],
  ])('reach %d at round steps', (most, ticks) => {
    expect(ticksTo(most)).toEqual(ticks);
  });

  test('are whole decades around all values, and at least one', () => {
    expect(decadesAround([0.4, 32])).toEqual([0.1, 1, 10, 100]);
    expect(decadesAround([1])).toEqual([1, 10]);
  });
});

describe('a line chart', () => {
  const chart = (points: readonly (readonly [number, number])[], logarithmic = false) =>
    lineChart({
      title: 'a < b',
      x: { label: 'load', ticks: [0, 50, 100] },
      y: { label: 'ms', ticks: logarithmic ? [1, 10, 100] : [0, 50, 100], logarithmic },
      series: [{ name: 'p50 & more', points }],
    });
  const places = (svg: string) =>
    (/points="([^"]*)"/.exec(svg)?.[1] ?? '').split(' ').map((place) => place.split(',').map(Number));

  test('puts the ends of the axes at the ends of its frame, greater values higher', () => {
    expect(
      places(
        chart([
          [0, 0],
          [100, 100],
        ]),
      ),
    ).toEqual([
      [74, 342],
      [736, 78],
    ]);
  });

  test('puts 10 halfway between 1 and 100 on a logarithmic axis', () => {
    const [, middle] = places(
      chart(
        [
          [0, 1],
          [50, 10],
          [100, 100],
        ],
        true,
      ),
    );
    expect(middle).toEqual([405, 210]);
  });

  test('escapes what is markup, and brings its own ground', () => {
    const svg = chart([
      [0, 0],
      [100, 100],
    ]);
    expect(svg).toContain('a &lt; b');
    expect(svg).toContain('p50 &amp; more');
    expect(svg).toMatch(/<rect width="760" height="400"/);
  });
});

describe('a bar chart', () => {
  const svg = barChart({
    title: 'cost',
    x: { label: 'times', ticks: [0, 1, 2] },
    bars: [
      {
        name: 'limit',
        parts: [
          { name: 'sign', value: 0.25 },
          { name: 'verify', value: 0.75 },
        ],
      },
      {
        name: 'whole',
        parts: [
          { name: 'sign', value: 0.25 },
          { name: 'rest', value: 1.75 },
        ],
      },
    ],
  });
  const boxes = [...svg.matchAll(/<rect x="([\d.]+)" y="(\d+)" width="([\d.]+)" height="34" fill="(#\w+)"/g)].map(
    ([, x, y, width, fill]) => ({ x: Number(x), y: Number(y), width: Number(width), fill }),
  );

  test('lays the parts of a bar end to end, as long as their values', () => {
    const [sign, verify, , rest] = boxes;
    expect((sign?.x ?? 0) + (sign?.width ?? 0)).toBeCloseTo(verify?.x ?? 0, 0);
    expect((verify?.width ?? 0) / (sign?.width ?? 1)).toBeCloseTo(3, 1);
    expect((rest?.width ?? 0) / (sign?.width ?? 1)).toBeCloseTo(7, 1);
  });

  test('gives a part the same colour in every bar, and no other part the same', () => {
    const [sign, verify, again, rest] = boxes.map(({ fill }) => fill);
    expect(again).toBe(sign);
    expect(new Set([sign, verify, rest]).size).toBe(3);
  });

  test('writes the sum behind each bar', () => {
    expect(svg).toMatch(/>1\.0<[\s\S]*>2\.0</);
  });
});
