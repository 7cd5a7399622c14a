import type { JsonObject } from '../../core/json.ts';
import { type AdminOptions, adminClient } from '../admin-client.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { printable, printableJson, styleOf } from '../style.ts';
import type { Surroundings } from '../surroundings.ts';
import { table } from '../table.ts';
import { named, objects } from './change-lines.ts';
import { kindPath, resourcePath } from './kind-path.ts';

const HEADING = ['changes', 'by', 'at', 'until', 'what it widens'];
const PROPOSED = { proposed: 'true' };

/** `carnet get KIND --proposed`: what waits for a second person. Resolves to the exit code. */
export async function listProposals(
  kind: string,
  { output, ...options }: AdminOptions & { readonly output: 'table' | 'yaml' | 'json' },
  around: Surroundings,
): Promise<ExitCode> {
  if (output === 'yaml') throw new CommandError(ExitCode.usage, '--proposed shows no documents: -o table or json');
  const client = adminClient(options, around);
  const { body } = await client.ask({ method: 'GET', path: kindPath(kind), query: PROPOSED });
  const proposals = objects(body['proposals']);
  const { out, env } = around;
  if (output === 'json') out.write(`${printableJson({ proposals }, 2)}\n`);
  else out.write(table(HEADING, proposals.map(rowOf), styleOf(out, env)));
  return ExitCode.ok;
}

/** `carnet delete KIND NAME --proposed`: takes one's own proposals about it back. Resolves to the exit code. */
export async function withdrawProposals(
  { kind, name }: { readonly kind: string; readonly name: string },
  options: AdminOptions,
  around: Surroundings,
): Promise<ExitCode> {
  const client = adminClient(options, around);
  const { body } = await client.ask({ method: 'DELETE', path: resourcePath(kind, name), query: PROPOSED });
  for (const { id } of objects(body['withdrawn']))
    around.out.write(`proposal ${printable(String(id))} is taken back\n`);
  return ExitCode.ok;
}

function rowOf({ resources, by, at, until, reasons }: JsonObject): readonly string[] {
  const [person] = objects([by ?? null]);
  return [
    named(resources).join(', '),
    String(person?.['subject']),
    String(at),
    String(until),
    Array.isArray(reasons) ? reasons.join('; ') : '',
  ];
}
