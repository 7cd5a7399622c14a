import { UnsteadyFiles } from '../../catalog/file-source.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { type AdminOptions, adminClient } from '../admin-client.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { givenFiles } from '../given-files.ts';
import { printable, printableJson, styleOf } from '../style.ts';
import type { Surroundings } from '../surroundings.ts';
import { changeCode, changeLines, faultLines, named, stateLine } from './change-lines.ts';

export interface ApplyOptions extends AdminOptions {
  readonly file: readonly string[];
  readonly set: string;
  readonly prune?: boolean;
  readonly dryRun?: boolean;
  readonly why?: string;
  readonly output: 'text' | 'json';
}

/** `carnet apply`: makes a set of the service's store what the files say. Prints what changed; resolves to the exit code. */
export async function apply(options: ApplyOptions, surroundings: Surroundings): Promise<ExitCode> {
  const client = adminClient(options, surroundings);
  const text = await textOf(options.file, surroundings);
  const { set, why } = options;
  const query = {
    set,
    ...(options.prune === true && { prune: 'true' }),
    ...(options.dryRun === true && { dryRun: 'true' }),
    ...(why !== undefined && { why }),
  };
  const { body } = await client.ask({ method: 'POST', path: 'apply', query, body: text });
  const { out, err, env } = surroundings;
  out.write(options.output === 'json' ? `${printableJson(body, 2)}\n` : changeLines(body, body, styleOf(out, env)));
  err.write(summary(body, set));
  err.write(faultLines(body['changes'], styleOf(err, env)));
  return changeCode(body);
}

/** The documents of all files as one stream. Throws CommandError with each that cannot be read. */
async function textOf(paths: readonly string[], surroundings: Surroundings): Promise<string> {
  const { files, faults } = await givenFiles(paths, surroundings).catch((cause: unknown) => {
    if (!(cause instanceof UnsteadyFiles)) throw cause;
    throw new CommandError(ExitCode.configuration, `${cause.message}; try again`, { cause });
  });
  const errors = faults.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) {
    const lines = errors.map(({ source, message }) => printable(`${source}: ${message}`));
    throw new CommandError(ExitCode.configuration, lines.join('\n  '));
  }
  return files.map(({ text }) => text).join('\n---\n');
}

function summary(body: JsonObject, set: string): string {
  const [added, changed, removed, left] = (['added', 'changed', 'removed', 'left'] as const).map(
    (list) => named(body[list]).length,
  );
  const pending = isJsonObject(body['proposal']) ? ' once confirmed' : '';
  const lines = [
    `set ${printable(set)}: ${added} added, ${changed} changed, ${removed} removed, ${String(body['unchanged'])} unchanged${pending}`,
    ...(left === 0 ? [] : [`${left} of the set are not in the files and stay; --prune deletes them`]),
  ];
  return lines.map((line) => `${line}\n`).join('') + stateLine(body);
}
