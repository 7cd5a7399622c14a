import { markdownTable } from '../markdown.ts';
import { printable, type Style } from '../style.ts';
import type { DocumentDifference, FieldDifference } from './document-differences.ts';

/** Whether a field lets anybody get more, where that was judged. */
export type Widens = (kind: string, name: string, field: string) => string | undefined;

const SIGNS = { added: '+', removed: '-', changed: '~' } as const;
const COLOURS = { added: 'green', removed: 'red', changed: 'yellow' } as const;
const HEADING = ['', 'document', 'field', 'before', 'after', 'widens'];

/** For people at a terminal: a line for each document, and below it one for each of its fields. */
export function diffText(differences: readonly DocumentDifference[], widens: Widens, style: Style): string {
  if (differences.length === 0) return `${style('green', 'no difference')}\n`;
  const documents = differences.map(({ kind, name, change, fields }) => {
    const more = (field: string) => {
      const why = widens(kind, name, field);
      return why === undefined ? '' : `  ${style('yellow', `widens: ${printable(why)}`)}`;
    };
    const head = style(COLOURS[change], printable(`${SIGNS[change]} ${kind}/${name}`));
    const lines = fields.map(({ field, before = 'none', after = 'none' }) => {
      return `    ${printable(`${field}: ${before} -> ${after}`)}${more(field)}\n`;
    });
    return `${head}${fields.length === 0 ? more('') : ''}\n${lines.join('')}`;
  });
  return `${documents.join('')}\n${counted(differences)}\n`;
}

/** For a pull request. */
export function diffMarkdown(differences: readonly DocumentDifference[], widens: Widens): string {
  if (differences.length === 0) return '### Resources\n\nNo difference.\n\n';
  return `### Resources: ${counted(differences)}\n\n${markdownTable(HEADING, rowsOf(differences, widens))}\n`;
}

function rowsOf(differences: readonly DocumentDifference[], widens: Widens): readonly (readonly string[])[] {
  return differences.flatMap(({ kind, name, change, fields }) => {
    const document = `${kind}/${name}`;
    const whole: FieldDifference = { field: '' };
    return (fields.length === 0 ? [whole] : fields).map(({ field, before = '', after = '' }) => [
      SIGNS[change],
      document,
      field,
      before,
      after,
      widens(kind, name, field) ?? '',
    ]);
  });
}

function counted(differences: readonly DocumentDifference[]): string {
  const count = (wanted: string) => differences.filter(({ change }) => change === wanted).length;
  return `${count('added')} added, ${count('changed')} changed, ${count('removed')} removed`;
}
