import type { ReportKind } from '../../admin/reports/reports.ts';
import type { Coverage } from '../../audit/history.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { type AdminOptions, adminClient } from '../admin-client.ts';
import { coverageOf } from '../audit/record-source.ts';
import type { Surroundings } from '../surroundings.ts';

export interface ReportOptions extends AdminOptions {
  /** How far back, a duration. */
  readonly window: string;
}

export interface AskedReport {
  readonly rows: readonly JsonObject[];
  readonly coverage: Omit<Coverage, 'next'>;
  /** The whole answer. */
  readonly body: JsonObject;
}

/** Asks a server for a report about its mappings. Throws CommandError. */
export async function askReport(
  kind: ReportKind,
  options: ReportOptions,
  surroundings: Surroundings,
): Promise<AskedReport> {
  const client = adminClient(options, surroundings);
  const { body } = await client.ask({ method: 'GET', path: 'audit', query: { report: kind, from: options.window } });
  return { rows: objectsIn(body[kind]), coverage: coverageOf(body), body };
}

export function objectsIn(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter((one): one is JsonObject => isJsonObject(one)) : [];
}

/** A member as text; what is not there is empty, a list is one line. */
export function textIn(row: JsonObject, member: string): string {
  const value = row[member];
  if (value === undefined || value === null) return '';
  return Array.isArray(value) ? value.map(String).join(' ') : String(value);
}
