import { describe, expect, test } from 'vitest';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { page, tableRows } from './markdown.ts';

describe('docs/metrics.md', () => {
  test('lists exactly the metrics that there are, with type, labels and meaning', async () => {
    const { registry, ...metrics } = createMetrics();
    const types = new Map((await registry.getMetricsAsJSON()).map(({ name, type }) => [name, String(type)]));
    const known = Object.values(metrics).map((metric) => {
      const { name, help, labelNames } = metric as unknown as { name: string; help: string; labelNames: string[] };
      return [name, types.get(name), labelNames.join(', '), help];
    });
    expect(tableRows(page('docs/metrics.md'), '| name | type | labels | meaning |')).toEqual(known);
  });
});
