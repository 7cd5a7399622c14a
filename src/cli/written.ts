import { createHash } from 'node:crypto';
import type { JsonValue } from '../core/json.ts';

/** Of the readable part of a Terraform name. */
const MAX_NAME_CHARACTERS = 40;

/** A word of a POSIX shell that means exactly this text. */
export function shellWord(text: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(text)) return text;
  if (text.includes("'") && !/["$`\\!]/.test(text)) return `"${text}"`;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A shell command, broken before each option where it is long. */
export function shellCommand(words: readonly string[]): string {
  const line = words.map(shellWord).join(' ');
  return line.length <= 100 ? line : line.replaceAll(/ (--[a-z])/g, ' \\\n  $1');
}

/** A string literal of Terraform: `${` and `%{` stay text. */
export function hclText(text: string): string {
  return escapeTemplates(JSON.stringify(text));
}

/** A value as Terraform's `jsonencode` takes it, and as `terraform fmt` writes it: names stand at the beginning of a line. */
export function hclJson(value: JsonValue): string {
  const text = JSON.stringify(value, null, 2).replaceAll(/^( *"(?:[^"\\]|\\.)*"):/gm, '$1 :');
  return `jsonencode(${escapeTemplates(text).replaceAll('\n', '\n  ')})`;
}

/** A name for a Terraform resource; different texts never share one. */
export function hclName(text: string): string {
  if (/^[a-z][a-z0-9_]*$/.test(text)) return text;
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 8);
  const end = text.replaceAll(/[^A-Za-z0-9]+/g, '_').slice(-MAX_NAME_CHARACTERS);
  return `carnet_${end.replace(/^_/, '')}_${digest}`;
}

function escapeTemplates(text: string): string {
  return text.replaceAll(/([$%])\{/g, '$1$1{');
}
