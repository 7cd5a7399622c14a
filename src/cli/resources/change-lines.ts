import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { ExitCode } from '../exit-code.ts';
import { printable, type Style } from '../style.ts';
import { kindPath } from './kind-path.ts';

const SIGNS = [
  ['added', '+', 'green'],
  ['changed', '~', 'yellow'],
  ['removed', '-', 'red'],
] as const;

/** What was added, changed and removed, a line each; after `waits` what would be, once a second person has said the same. */
export function changeLines(lists: JsonObject, { proposal }: JsonObject, style: Style): string {
  const waits = isJsonObject(proposal) ? 'waits ' : '';
  return SIGNS.flatMap(([list, sign, colour]) =>
    named(lists[list]).map((one) => style(colour, `${waits}${sign} ${one}`)),
  )
    .map((line) => `${line}\n`)
    .join('');
}

/** Where a change is not in force: why, and what comes next. */
export function stateLine({ dryRun, inForce, proposal }: JsonObject): string {
  if (dryRun === true) return 'dry run: nothing is changed\n';
  if (isJsonObject(proposal)) return pendingLines(proposal);
  return inForce === false ? 'the replica that was asked has not loaded it yet\n' : '';
}

/** How the command ends by what has become of the change. */
export function changeCode({ proposal }: JsonObject): ExitCode {
  return isJsonObject(proposal) ? ExitCode.waits : ExitCode.ok;
}

function pendingLines({ id, until, resources }: JsonObject): string {
  const [first] = objects(resources);
  const about = `${kindPath(String(first?.['kind']))} ${String(first?.['name'])}`;
  return [
    `nothing is changed yet: proposal ${printable(String(id))} waits until ${printable(String(until))} for a second person`,
    'to confirm it, somebody else gives the same command, with the same documents and the same set',
    `to take it back, whoever proposed it gives carnet delete ${printable(about)} --proposed`,
  ]
    .map((line) => `${line}\n`)
    .join('');
}

/** What is wrong, or doubtful, since a change, a line each. */
export function faultLines(changes: JsonValue | undefined, style: Style): string {
  const faults = isJsonObject(changes) ? objects(changes['newFaults']) : [];
  return faults
    .map(({ kind, name, field, message, mend }) => {
      const place = [[kind, name].filter(Boolean).join(' '), field].filter(Boolean).join(': ');
      const text = printable([`${place}: ${String(message)}`, mend].filter(Boolean).join('; '));
      return `${style('yellow', 'since then')} ${text}\n`;
    })
    .join('');
}

/** `Kind name` of each. */
export function named(list: JsonValue | undefined): readonly string[] {
  return objects(list).map(({ kind, name }) => printable(`${String(kind)} ${String(name)}`));
}

export function objects(list: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
}
