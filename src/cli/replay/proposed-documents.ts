import { UnsteadyFiles } from '../../catalog/file-source.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import type { Fault } from '../../resources/document.ts';
import { readDocuments } from '../../resources/read-documents.ts';
import { yamlDocuments } from '../../resources/yaml-documents.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { givenFiles } from '../given-files.ts';
import { printable } from '../style.ts';
import type { Surroundings } from '../surroundings.ts';

export interface ProposedDocuments {
  /** All files as one stream of documents. */
  readonly text: string;
  /** As they are written. */
  readonly documents: readonly JsonObject[];
}

/**
 * The documents of files and folders, each without a fault of its own; what they are beside others is for whoever
 * compiles them. Throws CommandError `configuration` with every fault.
 */
export async function proposedDocuments(
  paths: readonly string[],
  surroundings: Surroundings,
): Promise<ProposedDocuments> {
  const found = await givenFiles(paths, surroundings).catch((error: unknown) => {
    if (error instanceof UnsteadyFiles) throw new CommandError(ExitCode.unavailable, error.message, { cause: error });
    throw error;
  });
  // Whether http is legal is for the server to say: it knows whether it runs for development.
  const context = { development: true, now: surroundings.clock.now() };
  const own = found.files.flatMap(
    ({ path, text }) => readDocuments(text, { id: path, baseDirectory: '/' }, context).faults,
  );
  const errors = [...found.faults, ...own].filter(({ severity }) => severity === 'error');
  if (errors.length > 0)
    throw new CommandError(ExitCode.configuration, ['the documents have faults', ...errors.map(line)].join('\n  '));
  const documents = found.files.flatMap(({ text }) => yamlDocuments(text).documents.map(({ value }) => value));
  return { text: found.files.map(({ text }) => `---\n${text}\n`).join(''), documents: documents.filter(isJsonObject) };
}

function line({ source, line: at, field, message, hint }: Fault): string {
  const place = at === undefined ? source : `${source}:${at}`;
  return printable([place, field, message, hint].filter((part) => part !== undefined && part !== '').join(': '));
}
