import type { Flip } from '../../admin/replay/difference-tally.ts';
import type { Group, Groups } from '../../admin/replay/groups.ts';
import type { Replay } from '../../admin/replay/replay.ts';

/** One table of a replay, whatever it is printed as. */
export interface Section {
  readonly title: string;
  readonly count: number;
  readonly heading: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** A few requests of each row. */
  readonly examples: readonly (readonly string[])[];
}

export const EXAMPLE_HEADING = ['when', 'who', 'address', 'trace'] as const;

/** Requests that turn from allowed to refused or the other way. */
export function flipCount({ candidate: { toRefused, toAllowed } }: Replay): number {
  return toRefused.count + toAllowed.count;
}

/** What differs, the worst first; empty where nothing does. */
export function sectionsOf({ candidate, recorded, widening }: Replay): readonly Section[] {
  const { toRefused, toAllowed, changed } = candidate;
  const all = [
    section('allowed now, refused then', toRefused, ['requests', 'mapping', 'would be', 'reason'], flipRow),
    section('refused now, allowed then', toAllowed, ['requests', 'mapping', 'would be', 'refused now for'], flipRow),
    section('another credential', changed, ['requests', 'mapping', 'would be', 'differs in'], ({ count, label }) => [
      String(count),
      label.before ?? '-',
      label.after ?? '-',
      label.differs.join(', '),
    ]),
    {
      title: 'lets somebody get more, asked for or not',
      count: widening.reasons.length + widening.more,
      heading: ['document', 'field', 'why'],
      rows: widening.reasons.map(({ kind, name, field, why }) => [`${kind}/${name}`, field || '-', why]),
      examples: [],
    },
    section(
      'answered otherwise then than the resources in force say now: allowed then',
      recorded.toRefused,
      RECORDED,
      flipRow,
    ),
    section(
      'answered otherwise then than the resources in force say now: refused then',
      recorded.toAllowed,
      RECORDED,
      flipRow,
    ),
  ];
  return all.filter(({ count }) => count > 0);
}

const RECORDED = ['requests', 'mapping then', 'now', 'reason'];

/** Lines about all of it. */
export function summaryOf(replay: Replay): readonly (readonly [string, string])[] {
  const { coverage, requests, candidate, unused, issuersNotReplayed, notRecorded, decider, recorded } = replay;
  const { seen, replayed, limited, notReplayable } = requests;
  const left = Object.entries(notReplayable).map(([why, count]) => `${count} ${why}`);
  const others = Object.keys(recorded.deciders).filter((one) => one !== decider);
  const lines: (readonly [string, string])[] = [
    [
      'window',
      `${coverage.from} to ${coverage.until}${coverage.complete ? '' : ', CUT SHORT: the log goes back further'}`,
    ],
    ['requests', [`${seen} seen`, `${replayed} replayed`, `${limited} refused by a limit`, ...left].join(', ')],
    ['the same', `${candidate.same}, and ${candidate.refusedOtherwise} refused otherwise`],
    ['not used', unused.count === 0 ? 'none' : `${unused.count} mappings: ${listed(unused.mappings)}`],
  ];
  if (coverage.unreadable > 0)
    lines.push(['unreadable', `${coverage.unreadable} lines; carnet audit verify says which`]);
  if (others.length > 0) lines.push(['decided then by', `${others.join(', ')}; replayed by ${decider}`]);
  if (issuersNotReplayed.length > 0) {
    lines.push(['not replayed', `which tokens still verify: TrustedIssuers ${listed(issuersNotReplayed)} change`]);
  }
  return [...lines, ['not on record', notRecorded.join(', ')]];
}

function section<L extends object>(
  title: string,
  { count, groups, others }: Groups<L>,
  heading: readonly string[],
  row: (group: Group<L>) => readonly string[],
): Section {
  const rest = others > 0 ? [[String(others), 'of more groups than are told apart']] : [];
  const examples = groups.flatMap((group) => group.examples);
  return {
    title,
    count,
    heading,
    rows: [...groups.map(row), ...rest],
    examples: examples.map(({ at, identity, address, traceId = '-' }) => [at, identity, address, traceId]),
  };
}

function flipRow({ count, label: { before = '-', after = '-', reason = '-' } }: Group<Flip>): readonly string[] {
  return [String(count), before, after, reason];
}

const MAX_LISTED = 20;

function listed(names: readonly string[]): string {
  const more = names.length - MAX_LISTED;
  return `${names.slice(0, MAX_LISTED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
