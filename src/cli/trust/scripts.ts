import type { Style } from '../style.ts';
import { shellWord } from '../written.ts';
import type { Part } from './part.ts';

const NAMES_SHOWN = 4;

/** A shell script for people and for `sh`: what each part is, and how it is made. */
export function applyScript(parts: readonly Part[], style: Style): string {
  return parts
    .map((part) => `${style('cyan', `# ${part.title}, for ${names(part.mappings)}`)}\n${part.commands.join('\n')}\n`)
    .join('\n');
}

/** A shell script that reads every part and prints each answer behind its label, as `--against` takes it. */
export function readScript(parts: readonly Part[]): string {
  const lines = parts.map(({ label, readCommand, readWhere }) => {
    const read = readWhere === undefined ? readCommand : `${readWhere} && ${readCommand}`;
    return `echo ${shellWord(JSON.stringify(label))}\n${read}\n`;
  });
  return `#!/bin/sh
# Reads only. What is not there prints an error, and is compared as absent.
${lines.join('')}true
`;
}

function names(mappings: readonly string[]): string {
  const shown = mappings.slice(0, NAMES_SHOWN).join(', ');
  return mappings.length > NAMES_SHOWN ? `${shown} and ${mappings.length - NAMES_SHOWN} more` : shown;
}
