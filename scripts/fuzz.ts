import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { blockCoverage } from '../test/fuzz/block-coverage.ts';
import { fuzz } from '../test/fuzz/fuzzer.ts';
import { TARGETS } from '../test/fuzz/targets.ts';

/**
 * `fuzz.ts [--seconds N | --executions N] [--seed N] [--keep FOLDER]`: fuzzes every target for its share of the time or
 * for so many executions each. A finding is written to the folder, by target; the run then ends with 1.
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    executions: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
    keep: { type: 'string', default: join(import.meta.dirname, '../test/fixtures/fuzz') },
  },
});

const number = (name: 'seconds' | 'executions' | 'seed'): number => {
  const value = Number(values[name]);
  if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} must be a number`);
  return value;
};

function limit(): (executions: number) => boolean {
  if (values.executions !== undefined) return (executions) => executions < number('executions');
  const end = performance.now() + (number('seconds') * 1000) / TARGETS.length;
  return () => performance.now() < end;
}

const seed = number('seed');
const coverage = blockCoverage(/\/src\/verifiers\/(?:strict-json|compact-jws|algorithms)\.ts$/);
let found = 0;
for (const target of TARGETS) {
  const { findings, ...report } = fuzz(target, { seed, measure: coverage.measure, goesOn: limit() });
  const facts = Object.entries(report).map(([name, count]) => `${count} ${name}`);
  process.stdout.write(`${target.name}: ${facts.join(', ')}, ${findings.length} findings (seed ${seed})\n`);
  for (const { input, fault } of findings) {
    const folder = join(values.keep, target.name);
    const file = join(folder, `${createHash('sha256').update(input).digest('hex').slice(0, 16)}.bin`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, input);
    process.stdout.write(`  ${fault}: ${file}\n`);
  }
  found += findings.length;
}
coverage.close();
process.exitCode = found === 0 ? 0 : 1;
