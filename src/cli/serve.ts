import { AuditLogCorrupt } from '../audit/recovery.ts';
import { StreamInUse } from '../audit/stream-in-use.ts';
import { KeyFault } from '../authority/key-fault.ts';
import { UnsteadyFiles } from '../catalog/file-source.ts';
import { StopsDamaged } from '../catalog/held-stops.ts';
import { StartRefused } from '../catalog/start-refused.ts';
import type { Config } from '../config/config.ts';
import { ConfigFaults, faultLine } from '../config/config-faults.ts';
import type { Clock } from '../core/clock.ts';
import type { Fault } from '../resources/document.ts';
import { StoreFault } from '../store/store-fault.ts';
import { loadConfiguration } from './configuration.ts';
import { CommandError, ExitCode } from './exit-code.ts';
import { faultTable } from './fault-table.ts';
import { styleOf } from './style.ts';
import { SIGNALS, type Signal, type Surroundings } from './surroundings.ts';

/** The service as this command sees it. */
export interface Service {
  /** Listens, and resolves to where. */
  start(): Promise<readonly { readonly door: string; readonly url: string }[]>;
  /** Ends what is under way, then everything else. */
  close(): Promise<void>;
  /** What is in force after the start. */
  summary(): { readonly mappings: number; readonly faults: readonly Fault[] };
}

export type CreateService = (
  config: Config,
  deps: { readonly clock: Clock; readonly destination: { write(line: string): unknown } },
) => Promise<Service>;

/**
 * `carnet serve`: runs until SIGTERM or SIGINT, or until its terminal is closed, and drains then; a second SIGTERM or SIGINT
 * ends it at once.
 */
export async function serve(
  { config: file }: { config: string },
  surroundings: Surroundings,
  createService: CreateService,
): Promise<number> {
  const { clock, out, err } = surroundings;
  const config = loadConfiguration(file, surroundings);
  const signalled = firstSignal(surroundings);
  // A log that nobody can read stops no workload: what must not be lost is in the audit log.
  surroundings.whenOutputIsLost(() => undefined);
  const service = await started(() => createService(config, { clock, destination: out }), config, surroundings);
  const doors = await started(() => listening(service), config, surroundings);
  err.write(banner({ config, doors, summary: service.summary() }, surroundings));
  await signalled;
  await service.close();
  return ExitCode.ok;
}

async function listening(service: Service): ReturnType<Service['start']> {
  try {
    return await service.start();
  } catch (error) {
    await service.close();
    throw error;
  }
}

function firstSignal(surroundings: Surroundings): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let draining = false;
  surroundings.onSignal(SIGNALS, (signal: Signal) => {
    // The kernel and a shell may each say that the terminal is gone.
    if (draining && signal === 'SIGHUP') return;
    if (draining) surroundings.exitNow(signal === 'SIGINT' ? 130 : 143);
    draining = true;
    surroundings.err.write('carnet: ending what is under way; a second signal ends at once\n');
    resolve();
  });
  return promise;
}

async function started<T>(step: () => Promise<T>, config: Config, surroundings: Surroundings): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw startFault(error, config, surroundings) ?? error;
  }
}

/** Their messages are written for whoever runs Carnet, and say what to mend. */
const MENDABLE = [ConfigFaults, StoreFault, KeyFault, UnsteadyFiles, StreamInUse, AuditLogCorrupt, StopsDamaged];

/** What whoever runs Carnet can mend, in words; anything else is a defect and stays as it is. */
function startFault(
  error: unknown,
  config: Config,
  { env, err, workingDirectory }: Surroundings,
): CommandError | undefined {
  const fault = (text: string) => new CommandError(ExitCode.configuration, text, { cause: error });
  if (error instanceof StartRefused) {
    const faults = faultTable(error.faults, { style: styleOf(err, env), workingDirectory });
    return fault(`${error.message}\n${faults.trimEnd()}`);
  }
  const mendable = MENDABLE.some((kind) => error instanceof kind);
  if (mendable && error instanceof Error) return fault(error.message);
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  const { directory } = config.audit;
  if ('path' in error && (isWithin(error.path, directory) || isWithin(directory, error.path))) {
    return fault(
      `audit.directory: ${error.path} cannot be used (${error.code}); Carnet's user has to own ${directory}`,
    );
  }
  if (error.syscall === 'open' && 'path' in error) return fault(`cannot open ${error.path} (${error.code})`);
  if (error.syscall === 'getaddrinfo') return fault(`cannot listen: ${error.message}; mend the host of the listener`);
  if (error.syscall !== 'listen') return undefined;
  const mend = 'free the address, or change it in listen or listeners';
  return new CommandError(ExitCode.unavailable, `cannot listen: ${error.message}; ${mend}`, { cause: error });
}

function isWithin(path: unknown, folder: unknown): boolean {
  return `${path}/`.startsWith(`${folder}/`);
}

interface Started {
  readonly config: Config;
  readonly doors: readonly { readonly door: string; readonly url: string }[];
  readonly summary: ReturnType<Service['summary']>;
}

function banner({ config, doors, summary }: Started, { env, err, workingDirectory }: Surroundings): string {
  const style = styleOf(err, env);
  const row = (name: string, value: string) => `  ${style('dim', name.padEnd(10))} ${value}\n`;
  const { mappings, faults } = summary;
  const lines = [
    `${style('bold', 'Carnet')} is running\n`,
    row('issuer', config.issuer),
    row('discovery', `${config.issuer}/.well-known/openid-configuration`),
    ...doors.map(({ door, url }) => row(door === 'all' ? 'all doors' : door, url)),
    row('mappings', mappings === 0 ? style('yellow', 'no mappings: every exchange is refused') : String(mappings)),
  ];
  if (config.development) lines.push(row('mode', style('yellow', 'development: not for production')));
  for (const warning of config.warnings) lines.push(row('warning', style('yellow', faultLine(warning))));
  if (faults.length > 0) lines.push(faultTable(faults, { style, workingDirectory }));
  return lines.join('');
}
