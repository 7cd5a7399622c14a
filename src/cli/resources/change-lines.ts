import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { printable, type Style } from '../style.ts';

const SIGNS = [
  ['added', '+', 'green'],
  ['changed', '~', 'yellow'],
  ['removed', '-', 'red'],
] as const;

/** What was added, changed and removed, a line each. */
export function changeLines(lists: JsonObject, style: Style): string {
  return SIGNS.flatMap(([list, sign, colour]) => named(lists[list]).map((one) => style(colour, `${sign} ${one}`)))
    .map((line) => `${line}\n`)
    .join('');
}

/** Where a change is not in force: why, and what comes next. */
export function stateLine({ dryRun, inForce, proposal }: JsonObject): string {
  if (dryRun === true) return 'dry run: nothing is changed\n';
  if (isJsonObject(proposal)) {
    return `nothing is changed yet: proposal ${printable(String(proposal['id']))} waits until ${printable(String(proposal['until']))} for a second person to do the same\n`;
  }
  return inForce === false ? 'the replica that was asked has not loaded it yet\n' : '';
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
