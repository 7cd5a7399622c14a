import { describe, expect, test } from 'vitest';
import { costPlot, growthPlot, latencyPlot, stormPlot } from '../../bench/plots.ts';

const costs = {
  'verify.sync': 25,
  'sign.sync': 25,
  'floor.node': 50,
  'exchange.core': 300,
  'exchange.full': 400,
  peer: 800,
};

describe('the plots of a run', () => {
  test('show costs in times of L: four times for an exchange of 400 where L is 100', () => {
    const svg = costPlot([costs]) ?? '';
    expect(svg).toMatch(/>1\.0<[\s\S]*>3\.0<[\s\S]*>4\.0<[\s\S]*>8\.0</);
  });

  test('show the median of the rounds', () => {
    const svg = costPlot([costs, { ...costs, peer: 900 }, { ...costs, peer: 5000 }]) ?? '';
    expect(svg).toContain('>9.0<');
  });

  test('are not drawn without all their figures', () => {
    const { peer: _, ...rest } = costs;
    expect(costPlot([rest])).toBeUndefined();
    for (const plot of [latencyPlot, stormPlot, growthPlot]) expect(plot([costs])).toBeUndefined();
  });
});
