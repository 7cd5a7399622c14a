import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Round } from './figures.ts';
import { STEPS } from './growth.ts';
import { SHARES } from './latency.ts';
import { LIMIT } from './rows.ts';
import { spread } from './statistics.ts';
import { barChart, decadesAround, lineChart, type Series, ticksTo } from './svg.ts';

/** Writes each plot of which the run has all figures, and leaves the others as they are. */
export async function drawPlots(rounds: readonly Round[], folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const drawn = {
    cost: costPlot(rounds),
    latency: latencyPlot(rounds),
    storm: stormPlot(rounds),
    growth: growthPlot(rounds),
  };
  for (const [name, text] of Object.entries(drawn)) {
    if (text !== undefined) await writeFile(join(folder, `bench-${name}.svg`), text);
  }
}

/** Medians of the rounds that have the figures; undefined unless one has each of them. */
function medians<K extends string>(rounds: readonly Round[], keys: readonly K[]): Record<K, number> | undefined {
  const of = (key: K) => rounds.flatMap((round) => (round[key] === undefined ? [] : [round[key]]));
  if (keys.some((key) => of(key).length === 0)) return undefined;
  return Object.fromEntries(keys.map((key) => [key, spread(of(key)).median])) as Record<K, number>;
}

/** What an exchange costs, in times of L. */
export function costPlot(rounds: readonly Round[]): string | undefined {
  const found = medians(rounds, [...LIMIT.parts, 'exchange.core', 'exchange.full', 'peer']);
  if (found === undefined) return undefined;
  const limit = LIMIT.parts.reduce((sum, part) => sum + found[part], 0);
  const floor = LIMIT.parts.map((part, index) => ({
    name: ['verify', 'sign', 'HTTP floor'][index] ?? part,
    value: found[part] / limit,
  }));
  const own = { name: "Carnet's own work", value: Math.max(0, found['exchange.core'] / limit - 1) };
  const kept = { name: 'audit and log', value: Math.max(0, (found['exchange.full'] - found['exchange.core']) / limit) };
  const bars = [
    { name: 'L, the limit', parts: floor },
    { name: 'exchange, core', parts: [...floor, own] },
    { name: 'exchange, full', parts: [...floor, own, kept] },
    { name: 'oidc-provider', parts: [{ name: 'the peer, whole', value: found.peer / limit }] },
  ];
  const most = Math.max(found.peer, found['exchange.full'], found['exchange.core']) / limit;
  const x = { label: 'server CPU of one request, in times of L', ticks: ticksTo(most) };
  return barChart({ title: 'What an exchange costs', x, bars });
}

export function latencyPlot(rounds: readonly Round[]): string | undefined {
  const servers = ['exchange', 'floor'] as const;
  const keys = servers.flatMap((server) =>
    SHARES.flatMap((at) => [`latency.${server}.${at}.p50`, `latency.${server}.${at}.p99`]),
  );
  const found = medians(rounds, keys);
  if (found === undefined) return undefined;
  const series = servers.flatMap((server) =>
    ['p50', 'p99'].map((part): Series => {
      const points = SHARES.map((at) => [at, found[`latency.${server}.${at}.${part}`] ?? 0] as const);
      return { name: `${server === 'floor' ? 'HTTP floor' : server}, ${part}`, points, dashed: server === 'floor' };
    }),
  );
  return lineChart({
    title: 'Latency of requests that arrive by chance',
    x: { label: "load, percent of the server's own saturation", ticks: [0, 20, 40, 60, 80, 100] },
    y: { label: 'ms, from when it was due', ticks: decadesAround(Object.values(found)), logarithmic: true },
    series,
  });
}

export function stormPlot(rounds: readonly Round[]): string | undefined {
  const tenths = Array.from({ length: 11 }, (_, tenth) => tenth * 10);
  const found = medians(
    rounds,
    [1, 2].flatMap((replicas) => tenths.map((at) => `storm.${replicas}.t${at}`)),
  );
  if (found === undefined) return undefined;
  const series = [1, 2].map((replicas): Series => {
    const points = tenths.map((at) => [found[`storm.${replicas}.t${at}`] ?? 0, at] as const);
    return { name: replicas === 1 ? '1 replica' : '2 replicas', points };
  });
  return lineChart({
    title: 'A rollout: 10,000 pods ask at once, each over a new TLS connection',
    x: { label: 'seconds since all of them asked', ticks: ticksTo(Math.max(...Object.values(found))) },
    y: { label: 'percent of the pods served', ticks: [0, 20, 40, 60, 80, 100] },
    series,
  });
}

export function growthPlot(rounds: readonly Round[]): string | undefined {
  const steps = Array.from({ length: STEPS + 1 }, (_, step) => step);
  const found = medians(rounds, ['growth.exchanges', ...steps.map((step) => `growth.${step}`)]);
  if (found === undefined) return undefined;
  const thousands = (found['growth.exchanges'] ?? 0) / 1000;
  const points = steps.map((step) => [(step * thousands) / STEPS, found[`growth.${step}`] ?? 0] as const);
  return lineChart({
    title: 'Memory of one process over its exchanges',
    x: { label: 'exchanges, thousands', ticks: ticksTo(thousands) },
    y: { label: 'resident memory, MiB', ticks: ticksTo(Math.max(...points.map(([, mebibytes]) => mebibytes))) },
    series: [{ name: 'resident memory', points }],
  });
}
