import { isJsonObject, type JsonObject, type JsonValue } from '../../src/core/json.ts';
import { GcpRefusal } from './gcp-wire.ts';

/** Limits of STS (clouds.md 2.4). */
export const BOUNDARY_LIMITS = { text: 2048, rules: 10, expression: 2048 } as const;

/** Permissions on objects that the roles have which a boundary may name. */
export const STORAGE_ROLES: Readonly<Record<string, readonly string[]>> = {
  'roles/storage.objectViewer': ['storage.objects.get', 'storage.objects.list'],
  'roles/storage.objectCreator': ['storage.objects.create'],
  'roles/storage.objectUser': [
    'storage.objects.get',
    'storage.objects.list',
    'storage.objects.create',
    'storage.objects.update',
    'storage.objects.delete',
  ],
  'roles/storage.objectAdmin': [
    'storage.objects.get',
    'storage.objects.list',
    'storage.objects.create',
    'storage.objects.update',
    'storage.objects.delete',
  ],
  'roles/storage.legacyObjectReader': ['storage.objects.get'],
  'roles/storage.legacyBucketReader': ['storage.objects.list'],
};

/** What a condition sees of a request to Cloud Storage. */
export interface StorageRequest {
  readonly bucket: string;
  readonly permission: string;
  /** `projects/_/buckets/B`, or with `/objects/O`. */
  readonly resourceName: string;
  /** `storage.googleapis.com/objectListPrefix`; only listing has it. */
  readonly objectListPrefix?: string;
}

/** Whether the boundary lets a request through: its rules are a union. */
export type AccessBoundary = (request: StorageRequest) => boolean;

type Condition = (request: StorageRequest) => boolean;

/** Reads `options` of STS strictly: whatever is not known is refused and never passed over. Throws GcpRefusal. */
export function readBoundary(options: string): AccessBoundary {
  const { accessBoundary, ...others } = object(parsed(options));
  if (Object.keys(others).length > 0) throw malformed('options holds something else');
  if (JSON.stringify(accessBoundary ?? null).length > BOUNDARY_LIMITS.text) throw malformed('it is too long');
  const { accessBoundaryRules: rules, ...rest } = object(accessBoundary);
  if (Object.keys(rest).length > 0 || !Array.isArray(rules)) throw malformed('it holds something else');
  if (rules.length < 1 || rules.length > BOUNDARY_LIMITS.rules) throw malformed('it has no rules or too many');
  const read = rules.map(readRule);
  return (request) => read.some((rule) => rule(request));
}

function readRule(rule: JsonValue): Condition {
  const { availableResource, availablePermissions, availabilityCondition, ...others } = object(rule);
  const bucket = /^\/\/storage\.googleapis\.com\/projects\/_\/buckets\/([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])$/.exec(
    typeof availableResource === 'string' ? availableResource : '',
  )?.[1];
  if (bucket === undefined || Object.keys(others).length > 0) throw malformed('a rule is not for a bucket');
  if (!Array.isArray(availablePermissions) || availablePermissions.length === 0) {
    throw malformed('a rule has no permissions');
  }
  const permissions = new Set(availablePermissions.flatMap(permissionsOf));
  const condition = availabilityCondition === undefined ? () => true : readCondition(availabilityCondition);
  return (request) => request.bucket === bucket && permissions.has(request.permission) && condition(request);
}

function permissionsOf(permission: JsonValue): readonly string[] {
  const role = typeof permission === 'string' && permission.startsWith('inRole:') ? permission.slice(7) : '';
  const known = Object.hasOwn(STORAGE_ROLES, role) ? STORAGE_ROLES[role] : undefined;
  if (known === undefined) throw malformed('a permission is not a role of Cloud Storage');
  return known;
}

function readCondition(condition: JsonValue): Condition {
  const { expression, title = '', description = '', ...others } = object(condition);
  const texts = [expression, title, description];
  if (Object.keys(others).length > 0 || !texts.every((text) => typeof text === 'string')) {
    throw malformed('a condition is not an expression with a title');
  }
  const cel = String(expression);
  if (cel.length > BOUNDARY_LIMITS.expression) throw malformed('an expression is too long');
  return readExpression(cel);
}

const TEXT = "'((?:[^'\\\\\\n])*)'";
const NAME_IS = new RegExp(`^resource\\.name == ${TEXT}`);
const NAME_STARTS = new RegExp(`^resource\\.name\\.startsWith\\(${TEXT}\\)`);
const PREFIX_STARTS = new RegExp(
  `^api\\.getAttribute\\('storage\\.googleapis\\.com/objectListPrefix', ?''\\)\\.startsWith\\(${TEXT}\\)`,
);

/** As much of CEL as boundaries are made of: a comparison and two kinds of calls, joined by `||`. */
function readExpression(cel: string): Condition {
  const terms: Condition[] = [];
  for (let rest = cel.trim(); ; ) {
    const { term, length } = readTerm(rest);
    terms.push(term);
    rest = rest.slice(length).trimStart();
    if (rest === '') return (request) => terms.some((term) => term(request));
    if (!rest.startsWith('||')) throw malformed('an expression is not CEL that is known here');
    rest = rest.slice(2).trimStart();
  }
}

function readTerm(cel: string): { term: Condition; length: number } {
  const readers: readonly [RegExp, (text: string) => Condition][] = [
    [NAME_IS, (text) => (request) => request.resourceName === text],
    [NAME_STARTS, (text) => (request) => request.resourceName.startsWith(text)],
    [
      PREFIX_STARTS,
      (text) =>
        ({ objectListPrefix = '' }) =>
          objectListPrefix.startsWith(text),
    ],
  ];
  for (const [form, conditionOf] of readers) {
    const [whole, text] = form.exec(cel) ?? [];
    if (whole !== undefined && text !== undefined) return { term: conditionOf(text), length: whole.length };
  }
  throw malformed('an expression is not CEL that is known here');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed('options is not JSON');
  }
}

function object(value: unknown): JsonObject {
  if (!isJsonObject(value)) throw malformed('an object is missing');
  return value;
}

function malformed(rule: string): GcpRefusal {
  return GcpRefusal.sts('invalid_request', `Invalid access boundary: ${rule}.`);
}
