import { existsSync } from 'node:fs';
import { readHeads } from '../../audit/heads.ts';
import { streamName } from '../../audit/stream-name.ts';
import { verifyAuditLog } from '../../audit/verify-log.ts';
import type { StreamReport, VerifyReport } from '../../audit/verify-report.ts';
import type { Config } from '../../config/config.ts';
import { openStore } from '../../store/open-store.ts';
import { StoreFault } from '../../store/store-fault.ts';
import { loadConfiguration } from '../configuration.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { printable, printableJson, type Style, styleOf } from '../style.ts';
import type { Surroundings } from '../surroundings.ts';
import { table } from '../table.ts';

interface VerifyOptions {
  readonly config: string;
  readonly output: 'text' | 'json';
}

const MAX_LISTED_OUTCOMES = 20;

/** `carnet audit verify`: reads every record and says up to where the log is proven whole. Resolves to the exit code. */
export async function auditVerify(options: VerifyOptions, surroundings: Surroundings): Promise<ExitCode> {
  const config = loadConfiguration(options.config, surroundings);
  const report = await verify(config, surroundings);
  const { out, env } = surroundings;
  out.write(options.output === 'json' ? `${printableJson(report, 2)}\n` : text(report, styleOf(out, env)));
  return report.ok ? ExitCode.ok : ExitCode.refused;
}

async function verify(config: Config, { clock, err }: Surroundings): Promise<VerifyReport> {
  const { directory } = config.audit;
  try {
    const heads = await storedHeads(config, clock);
    if (!existsSync(directory)) throw missing('audit.directory', directory);
    const shared = 'postgres' in config.store;
    const own = shared && { own: streamName(config.audit, shared) };
    const onProgress = err.isTTY === true ? progressOn(err) : undefined;
    const report = await verifyAuditLog({ directory, heads, ...own, ...(onProgress && { onProgress }) });
    if (onProgress) err.write(CLEAR_LINE);
    return report;
  } catch (error) {
    if (error instanceof StoreFault) throw new CommandError(ExitCode.configuration, error.message, { cause: error });
    throw error;
  }
}

async function storedHeads({ store: place }: Config, clock: Surroundings['clock']) {
  // A store that is made now would be empty, and an empty store proves nothing.
  const store = await openStore({ place, clock, existing: true });
  try {
    return await readHeads(store);
  } finally {
    await store.close();
  }
}

function missing(field: string, path: string): CommandError {
  return new CommandError(ExitCode.configuration, `${field}: there is nothing at ${path}; has the service run here?`);
}

const CLEAR_LINE = '\r\u001b[K';

function progressOn(err: Surroundings['err']) {
  let shown = { stream: '', records: 0 };
  return ({ stream, records }: { stream: string; records: number }) => {
    if (stream === shown.stream && records - shown.records < 10_000) return;
    shown = { stream, records };
    err.write(`${CLEAR_LINE}${printable(stream)}: ${records} records`);
  };
}

function text({ ok, streams, elsewhere }: VerifyReport, style: Style): string {
  const rows = streams.map((stream) => [
    stream.stream,
    String(stream.records),
    String(stream.segments),
    String(stream.provenTo),
    String(stream.consistentTo),
    stream.last?.at ?? '-',
    stream.faultCount === 0 ? 'ok' : `${stream.faultCount} faults`,
  ]);
  const heading = ['stream', 'records', 'segments', 'proven to', 'chained to', 'last record', 'result'];
  const verdict = ok ? style('green', 'no fault found') : style('red', 'the log was changed, or is not whole');
  const others = elsewhere.map((stream) => `${style('dim', 'not in this directory')}  ${printable(stream)}\n`);
  const parts = [table(heading, rows, style), ...streams.map((stream) => details(stream, style)), ...others];
  return [...parts, `${verdict}\n`].join('');
}

function details(stream: StreamReport, style: Style): string {
  const lines: string[] = [];
  const [first] = stream.faults;
  if (first !== undefined) {
    const record = first.seq === undefined ? '' : `record ${first.seq}, `;
    const line = first.line === undefined ? '' : `:${first.line}`;
    lines.push(
      `${style('red', 'first fault')}  ${record}${printable(`${first.file}${line}: ${first.kind}: ${first.detail}`)}`,
    );
  }
  if (stream.tornTail !== undefined) {
    const { file, line } = stream.tornTail;
    lines.push(`${style('yellow', 'unfinished')}  ${printable(`${file}:${line}`)}: being written, or left by a crash`);
  }
  if (stream.openOutcomeCount > 0) {
    lines.push(`${style('yellow', 'allowed, outcome unknown')}  ${stream.openOutcomeCount}`);
    for (const { seq, at, traceId, mapping } of stream.openOutcomes.slice(0, MAX_LISTED_OUTCOMES)) {
      lines.push(`  record ${seq}  ${printable([at, traceId, mapping ?? ''].join('  ')).trimEnd()}`);
    }
    const more = stream.openOutcomeCount - MAX_LISTED_OUTCOMES;
    if (more > 0) lines.push(`  and ${more} more; -o json lists up to 1,000`);
  }
  return lines.map((line) => `${line}\n`).join('');
}
