import { describe, expect, test } from 'vitest';
import { createMetrics } from '../../src/telemetry/metrics.ts';

describe('metrics', () => {
  test('all carry the name of the service, a unit where they have one and help', async () => {
    const metrics = await createMetrics().registry.getMetricsAsJSON();
    expect(metrics.length).toBeGreaterThan(5);
    for (const { name, help } of metrics) {
      expect(name).toMatch(/^carnet_[a-z_]+$/);
      expect(help).toMatch(/\.$/);
    }
  });

  test('are a registry of their own for each process, so that two instances do not share counts', async () => {
    const [first, second] = [createMetrics(), createMetrics()];
    first.auditDropped.inc();
    expect(await second.registry.getSingleMetricAsString('carnet_audit_refusals_dropped_total')).toContain('_total 0');
  });
});
