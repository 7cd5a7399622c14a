import { openAuditLog } from '../../src/audit/audit-log.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { event, MemoryStore, STREAM } from './audit-records.ts';

/** Records without end, eight at a time, and prints each trace id once its record is acknowledged. */
const [directory = '', run = ''] = process.argv.slice(2);
const log = await openAuditLog({
  directory,
  stream: STREAM,
  store: new MemoryStore(),
  clock: systemClock,
  metrics: createMetrics(),
  limits: { maxSegmentBytes: 100_000 },
});

async function recordForever(worker: number): Promise<never> {
  for (let n = 0; ; n += 1) {
    const traceId = `${run}-${worker}-${n}`;
    await log.record(event('allowed', traceId));
    process.stdout.write(`${traceId}\n`);
  }
}
await Promise.all(Array.from({ length: 8 }, (_, worker) => recordForever(worker)));
