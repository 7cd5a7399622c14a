/**
 * Plain scalars that YAML 1.1 and YAML 1.2 (core schema) read differently. Other tools that see the same files (kubectl,
 * Ansible, Ruby, PyYAML) still read 1.1, so such a text is refused: quoted, it means the same everywhere.
 *
 * 1.1 is the type repository of yaml.org (bool, int, float, merge, null, timestamp, value), except that digits after the
 * point may hold `_` and not further points: so do its implementations, and `10.7.0.1` stays text.
 */
interface Reading {
  readonly type: 'null' | 'boolean' | 'number' | 'timestamp' | 'text' | 'special key' | 'text or a number';
  readonly value?: number | boolean;
}

/** Every text that one of the versions takes for something else than text begins so; most texts do not. */
const SPECIAL_START = /^([-+.0-9~<=yYnNtTfFoO]|$)/;
const TEXT: Reading = { type: 'text' };
const NULL = /^(~|null|Null|NULL|)$/;
const BOOLEAN_11 = /^(?:(y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON)|n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/;
const BOOLEAN_12 = /^(?:(true|True|TRUE)|false|False|FALSE)$/;
const INFINITY = /^[-+]?\.(inf|Inf|INF)$/;
const NOT_A_NUMBER = /^\.(nan|NaN|NAN)$/;
const BINARY_11 = /^([-+]?)0b([0-1_]+)$/;
const OCTAL_11 = /^([-+]?)0([0-7_]+)$/;
const DECIMAL_11 = /^[-+]?(0|[1-9][0-9_]*)$/;
/** No octal, and no decimal by the type repository; its implementations differ. */
const ZERO_FIRST = /^[-+]?0[0-9_]+$/;
const HEXADECIMAL_11 = /^([-+]?)0x([0-9a-fA-F_]+)$/;
const SEXAGESIMAL_11 = /^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$/;
const FLOAT_11 = /^[-+]?([0-9][0-9_]*)?\.[0-9_]*([eE][-+][0-9]+)?$/;
const TIMESTAMP_11 =
  /^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?([ \t]*(Z|[-+][0-9]{1,2}(:?[0-9]{2})?))?)?$/;
const OCTAL_12 = /^0o([0-7]+)$/;
const HEXADECIMAL_12 = /^0x([0-9a-fA-F]+)$/;
const DECIMAL_12 = /^[-+]?[0-9]+$/;
const FLOAT_12 = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;

/** What YAML 1.1 takes a plain scalar for, when that is not what YAML 1.2 takes it for. */
export function differentInYaml11(text: string): string | undefined {
  if (!SPECIAL_START.test(text)) return undefined;
  const older = readAs11(text);
  const newer = readAs12(text);
  if (older.type === newer.type && Object.is(older.value, newer.value)) return undefined;
  return older.value === undefined ? `a ${older.type}` : `the ${older.type} ${older.value}`;
}

/** The value of a plain scalar; undefined where YAML 1.1 has another, and for numbers that are not safe integers. */
export function plainValue(text: string): string | number | boolean | null | undefined {
  if (!SPECIAL_START.test(text)) return text;
  if (differentInYaml11(text) !== undefined) return undefined;
  const { type, value } = readAs12(text);
  if (type === 'text') return text;
  if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0) ? value : undefined;
  return value ?? null;
}

function readAs12(text: string): Reading {
  if (NULL.test(text)) return { type: 'null' };
  const boolean = BOOLEAN_12.exec(text);
  if (boolean !== null) return { type: 'boolean', value: boolean[1] !== undefined };
  if (DECIMAL_12.test(text) || FLOAT_12.test(text)) return number(Number(text));
  const octal = OCTAL_12.exec(text);
  if (octal !== null) return number(Number.parseInt(octal[1] ?? '', 8));
  if (HEXADECIMAL_12.test(text)) return number(Number(text));
  return notFinite(text);
}

function readAs11(text: string): Reading {
  if (NULL.test(text)) return { type: 'null' };
  if (text === '<<' || text === '=') return { type: 'special key' };
  const boolean = BOOLEAN_11.exec(text);
  if (boolean !== null) return { type: 'boolean', value: boolean[1] !== undefined };
  if (TIMESTAMP_11.test(text)) return { type: 'timestamp' };
  if (SEXAGESIMAL_11.test(text)) return number(sexagesimal(text));
  if (DECIMAL_11.test(text) || FLOAT_11.test(text)) return number(Number(text.replaceAll('_', '')));
  const based = basedNumber(text);
  if (based === undefined && ZERO_FIRST.test(text)) return { type: 'text or a number' };
  return based ?? notFinite(text);
}

function basedNumber(text: string): Reading | undefined {
  const forms = [
    [BINARY_11, 2],
    [OCTAL_11, 8],
    [HEXADECIMAL_11, 16],
  ] as const;
  for (const [form, base] of forms) {
    const [, sign, digits] = form.exec(text) ?? [];
    if (digits !== undefined) return number(Number.parseInt(`${sign}${digits.replaceAll('_', '') || '0'}`, base));
  }
  return undefined;
}

function sexagesimal(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  const parts = text.replace(/^[-+]/, '').replaceAll('_', '').split(':');
  return sign * parts.reduce((sum, part) => sum * 60 + Number(part), 0);
}

function notFinite(text: string): Reading {
  if (INFINITY.test(text)) return number(text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY);
  return NOT_A_NUMBER.test(text) ? number(Number.NaN) : TEXT;
}

function number(value: number): Reading {
  return { type: 'number', value };
}
