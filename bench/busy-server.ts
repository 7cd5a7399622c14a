import { systemClock as clock } from '../src/core/clock.ts';
import { busyFront } from '../src/routes/busy-front.ts';
import { httpServer } from '../src/routes/http-server.ts';
import { createLogger } from '../src/telemetry/logger.ts';
import { createMetrics } from '../src/telemetry/metrics.ts';

// What stands before the framework, too busy for everybody: what a 503 costs.
const log = createLogger({ level: 'info', clock, destination: { write: () => undefined } });
const passedOn = () => {
  throw new Error('a request was passed on');
};
const busy = { turns: { overdue: true }, open: () => true, base: '', clock, log, metrics: createMetrics() };
const server = httpServer(busyFront(passedOn, busy), undefined);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  process.stderr.write(`listening http://127.0.0.1:${port}\n`);
});
process.on('SIGTERM', () => process.exit(0));
