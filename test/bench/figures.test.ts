import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { figuresOf, type Round } from '../../bench/figures.ts';
import { LIMIT, ROWS } from '../../bench/rows.ts';
import { table } from '../../bench/table.ts';

/** A round in which every row that is measured has one value, in the given respects different. */
function round(changes: Round = {}): Round {
  const measured = ROWS.filter(({ key }) => key !== LIMIT.key).map(({ key }) => [key, 100]);
  return { ...Object.fromEntries(measured), ...changes };
}

function figure(rounds: readonly Round[], key: string) {
  const found = figuresOf(rounds).find((one) => one.key === key);
  if (found === undefined) throw new Error(`there is no row ${key}`);
  return found;
}

describe('the figures of a run', () => {
  test('take L as the sum of verify, sign and HTTP floor of the same round', () => {
    const rounds = [
      round({ 'verify.sync': 20, 'sign.sync': 25, 'floor.node': 30 }),
      round({ 'verify.sync': 40, 'sign.sync': 50, 'floor.node': 60 }),
    ];
    expect(figure(rounds, 'L').samples).toEqual([75, 150]);
  });

  test('say how much of L an exchange is: twice the cost is half the share', () => {
    const cheap = round({ 'exchange.full': 300 });
    const dear = round({ 'exchange.full': 600 });
    expect(figure([cheap, dear], 'exchange.full').ratio).toEqual({ median: 0.75, min: 0.5, max: 1 });
  });

  test('say how many times an accepted token a refused one costs', () => {
    const one = round({ 'exchange.full': 200, 'refused.expired': 120 });
    expect(figure([one], 'refused.expired').ratio?.median).toBeCloseTo(0.6);
  });

  test('form the ratio in each round and not of the medians, so that a slow round spoils neither side', () => {
    const rounds = [
      round({ 'floor.node': 10, 'floor.fastify': 20 }),
      round({ 'floor.node': 100, 'floor.fastify': 200 }),
      round({ 'floor.node': 30, 'floor.fastify': 90 }),
    ];
    expect(figure(rounds, 'floor.fastify').ratio?.median).toBe(2);
  });

  test('say how much of one process two keep, for each second of CPU', () => {
    const one = round({ 'exchange.full': 90, 'exchange.two': 100 });
    expect(figure([one], 'exchange.two').ratio?.median).toBeCloseTo(0.9);
  });

  test('take a row that is measured once from the first round, and its ratio with that round alone', () => {
    const once = { has: () => true, once: (key: string) => key.startsWith('loadmany.') };
    const rounds = [round({ 'loadmany.cpu': 500, 'load.cpu': 50 }), round({ 'load.cpu': 999, 'loadmany.cpu': 1 })];
    const found = figuresOf(rounds, once).find(({ key }) => key === 'loadmany.cpu');
    expect(found?.samples).toEqual([500]);
    expect(found?.ratio).toEqual({ median: 10, min: 10, max: 10 });
  });

  test('leave out what was not asked for, and the ratio to it', () => {
    const part = { has: (key: string) => key === 'peer', once: () => false };
    const [only, ...others] = figuresOf([{ peer: 400 }], part);
    expect(others).toEqual([]);
    expect(only).not.toHaveProperty('ratio');
  });

  test('refuse a later round that lacks a row of the first', () => {
    const part = { has: (key: string) => key === 'peer', once: () => false };
    expect(() => figuresOf([{ peer: 400 }, {}], part)).toThrow('peer');
  });

  test('refuse a round that lacks a row, and name it', () => {
    const { 'decide.10': _, ...rest } = round();
    expect(() => figuresOf([round(), rest])).toThrow('decide.10');
  });
});

describe('the table', () => {
  test('is plain text in a pipe and has every row', () => {
    const text = table(figuresOf([round()]), false);
    expect(text).not.toContain('\u001b');
    for (const { label } of ROWS) expect(text).toContain(label);
  });

  test('has colours on a terminal and the same words', () => {
    const figures = figuresOf([round()]);
    const coloured = table(figures, true);
    expect(coloured).toContain('\u001b[');
    expect(stripVTControlCharacters(coloured)).toBe(table(figures, false));
  });

  test('shows the ratio with its range and what it is a ratio to', () => {
    const text = table(figuresOf([round({ 'exchange.full': 600 })]), false);
    expect(text).toMatch(/exchange, full .*0\.50 \(0\.50 to 0\.50\) of L/);
  });
});
