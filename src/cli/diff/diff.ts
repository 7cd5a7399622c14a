import type { Replay } from '../../admin/replay/replay.ts';
import type { Widening } from '../../policy/widening.ts';
import { type AdminOptions, adminClient } from '../admin-client.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { replayMarkdown, replayText } from '../replay/print-replay.ts';
import { type ProposedDocuments, proposedDocuments } from '../replay/proposed-documents.ts';
import { assertWindow } from '../replay/replay.ts';
import { flipCount } from '../replay/replay-report.ts';
import { runReplay } from '../replay/run-replay.ts';
import { printableJson, styleOf } from '../style.ts';
import type { Surroundings } from '../surroundings.ts';
import { documentDifferences, type NamedDocument } from './document-differences.ts';
import { named } from './named-document.ts';
import { offlineWidening } from './offline-widening.ts';
import { diffMarkdown, diffText, type Widens } from './print-diff.ts';
import { SERVER_KINDS, serverDocuments } from './server-documents.ts';

export interface DiffOptions extends AdminOptions {
  /** Files and folders in the place of a server. */
  readonly against?: readonly string[];
  /** A window: what the documents would have done to its requests. */
  readonly replay?: string;
  /** What the documents lack counts as removed. */
  readonly all?: boolean;
  /** With `replay`: as `carnet replay` takes it. */
  readonly config?: string;
  readonly output: 'text' | 'markdown' | 'json';
  readonly failOn?: 'flips';
}

/** `carnet diff`: documents against what is in force, or against others. Resolves to the exit code. */
export async function diff(
  files: readonly string[],
  options: DiffOptions,
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { out, env } = surroundings;
  const { replay: window, output } = options;
  if (window !== undefined) assertWindow(window, '--replay');
  else if (options.failOn !== undefined || options.config !== undefined)
    throw new CommandError(ExitCode.usage, '--fail-on and --config are of a replay: give --replay 7d too');
  const proposed = await proposedDocuments(files, surroundings);
  const after = proposed.documents.flatMap(named);
  const against = options.against && (await proposedDocuments(options.against, surroundings));
  const before = await documentsBefore(against, after, options, surroundings);
  const differences = documentDifferences(before, after);
  const replayed =
    window === undefined ? undefined : await runReplay(proposed.text, { ...options, window }, surroundings);
  const widening =
    replayed?.widening ?? (against && (await offlineWidening(against.text, proposed.text, surroundings.clock.now())));
  const widens = widensBy(widening);
  if (output === 'json') out.write(`${printableJson({ differences, widening, replay: replayed }, 2)}\n`);
  else if (output === 'markdown')
    out.write(diffMarkdown(differences, widens) + printed(replayed, (one) => replayMarkdown(one, window ?? '')));
  else {
    const style = styleOf(out, env);
    out.write(diffText(differences, widens, style) + printed(replayed, (one) => `\n${replayText(one, style)}`));
  }
  if (options.failOn === 'flips')
    return replayed !== undefined && flipCount(replayed) > 0 ? ExitCode.flips : ExitCode.ok;
  return differences.length > 0 ? ExitCode.differs : ExitCode.ok;
}

function printed(replay: Replay | undefined, print: (replay: Replay) => string): string {
  return replay === undefined ? '' : print(replay);
}

/** All of another set of files; of a server only what the documents speak of, unless they are to be all. */
async function documentsBefore(
  against: ProposedDocuments | undefined,
  after: readonly NamedDocument[],
  options: DiffOptions,
  surroundings: Surroundings,
): Promise<readonly NamedDocument[]> {
  if (against !== undefined) return against.documents.flatMap(named);
  const client = adminClient(options, surroundings);
  if (options.all === true) return serverDocuments(client, SERVER_KINDS);
  const spoken = new Set(after.map(({ kind, name }) => `${kind}/${name}`));
  const found = await serverDocuments(client, [...new Set(after.map(({ kind }) => kind))]);
  return found.filter(({ kind, name }) => spoken.has(`${kind}/${name}`));
}

/** A reason belongs to its field, and to all fields above and below it. */
function widensBy(widening: Widening | undefined): Widens {
  return (kind, name, field) => {
    const found = widening?.reasons.find(
      (reason) => reason.kind === kind && reason.name === name && isWithin(reason.field, field),
    );
    return found?.why;
  };
}

function isWithin(a: string, b: string): boolean {
  return a === '' || b === '' || a === b || a.startsWith(`${b}.`) || b.startsWith(`${a}.`);
}
