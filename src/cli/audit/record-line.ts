import type { AuditRecord } from '../../audit/record.ts';
import { printable, printableJson, type Style } from '../style.ts';

const COLOURS: Readonly<Record<string, Parameters<Style>[0]>> = {
  refused: 'red',
  failed: 'red',
  allowed: 'green',
  issued: 'green',
  reused: 'cyan',
  changed: 'yellow',
};

/** A record in one line for people: when, what, who, by which mapping, and the rest. */
export function recordLine(record: AuditRecord, style: Style): string {
  const { at, type, mapping, traceId } = record;
  const kind = style(COLOURS[type] ?? 'dim', printable(type).padEnd(8));
  const cells = [who(record).padEnd(28), (mapping ?? '-').padEnd(20), what(record)].map(printable);
  const trace = traceId === undefined ? '' : `  ${style('dim', printable(traceId))}`;
  return `${printable(at)}  ${kind}  ${cells.join('  ')}${trace}\n`;
}

/** A record as one line of JSON. */
export function jsonLine(value: object): string {
  return `${printableJson(value)}\n`;
}

function who({ issuer, identity, admin }: AuditRecord): string {
  if (admin !== undefined) return admin.by.subject;
  if (identity === undefined) return issuer ?? '-';
  const { namespace, serviceAccount, subject } = identity;
  return `${issuer ?? '-'} ${namespace === undefined ? subject : `${namespace}/${serviceAccount}`}`;
}

function what(record: AuditRecord): string {
  const { type, outcome, reason, error, detail, grant, credential, summary, admin } = record;
  if (type === 'refused' || type === 'failed') return parts(reason ?? error, detail);
  if (type === 'summary') return parts(`${summary?.count ?? 0} refused`, reason);
  if (admin !== undefined) return parts(outcome, admin.action, admin.kind, admin.name, detail);
  if (grant !== undefined) return parts(grant.target, credential?.id);
  return parts(outcome, detail);
}

function parts(...texts: readonly (string | undefined)[]): string {
  return texts.filter((text) => text !== undefined).join(' ');
}
