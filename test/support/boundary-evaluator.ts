/** One call as Cloud Storage checks it. */
export interface StorageRequest {
  readonly permission: string;
  readonly bucket: string;
  /** Absent where the bucket itself is asked for, as when it is listed. */
  readonly object?: string;
  /** `prefix` of a listing. */
  readonly listPrefix?: string;
}

/** Permissions of Google's predefined roles that concern buckets and what is in them. */
const ROLES: Readonly<Record<string, readonly string[]>> = {
  'roles/storage.objectViewer': [
    'storage.objects.get',
    'storage.objects.list',
    'storage.folders.get',
    'storage.folders.list',
    'storage.managedFolders.get',
    'storage.managedFolders.list',
  ],
  'roles/storage.objectCreator': [
    'storage.objects.create',
    'storage.folders.create',
    'storage.multipartUploads.create',
    'storage.multipartUploads.abort',
    'storage.multipartUploads.listParts',
  ],
  'roles/storage.objectUser': [
    'storage.objects.create',
    'storage.objects.delete',
    'storage.objects.get',
    'storage.objects.list',
    'storage.objects.update',
    'storage.multipartUploads.create',
    'storage.multipartUploads.abort',
    'storage.multipartUploads.list',
    'storage.multipartUploads.listParts',
  ],
};

interface Rule {
  readonly availableResource: string;
  readonly availablePermissions: readonly string[];
  readonly availabilityCondition?: { readonly expression: string };
}

/** Whether a Credential Access Boundary leaves a request: some rule names its bucket, holds its permission and is true. */
export function boundaryAllows(text: string, request: StorageRequest): boolean {
  const { accessBoundary } = JSON.parse(text) as { accessBoundary: { accessBoundaryRules: readonly Rule[] } };
  const rules = accessBoundary.accessBoundaryRules;
  if (rules.length === 0 || rules.length > 10) throw new Error(`${rules.length} rules`);
  return rules.some(
    (rule) =>
      rule.availableResource === `//storage.googleapis.com/projects/_/buckets/${request.bucket}` &&
      rule.availablePermissions.some((role) => permissionsOf(role).includes(request.permission)) &&
      (rule.availabilityCondition === undefined || isTrue(rule.availabilityCondition.expression, request)),
  );
}

function permissionsOf(permission: string): readonly string[] {
  const role = /^inRole:(.+)$/.exec(permission)?.[1] ?? '';
  const permissions = ROLES[role];
  if (permissions === undefined) throw new Error(`unknown role ${permission}`);
  return permissions;
}

/** The part of CEL that boundaries use: a value, then `==` or `.startsWith` with a literal; joined by `&&` or `||`. */
function isTrue(expression: string, request: StorageRequest): boolean {
  const tokens = expression.match(/'[^'\\]*'|[A-Za-z.]+|==|&&|\|\||[(),]|\S/g) ?? [];
  let at = 0;
  const next = (wanted?: string): string => {
    const token = tokens[at] ?? '';
    if (wanted !== undefined && token !== wanted) throw new Error(`${token} in place of ${wanted}`);
    at += 1;
    return token;
  };
  const literal = (): string => {
    const text = /^'(.*)'$/s.exec(next())?.[1];
    if (text === undefined) throw new Error('not a literal');
    return text;
  };
  const comparison = (): boolean => {
    const name = next();
    if (name === 'resource.name') {
      next('==');
      return nameOf(request) === literal();
    }
    if (name === 'resource.name.startsWith') {
      next('(');
      const isSo = nameOf(request).startsWith(literal());
      next(')');
      return isSo;
    }
    if (name !== 'api.getAttribute') throw new Error(`unknown ${name}`);
    next('(');
    const attribute = literal();
    next(',');
    const value = attributeOf(attribute, request) ?? literal();
    if (attributeOf(attribute, request) !== undefined) literal();
    next(')');
    next('.startsWith');
    next('(');
    const isSo = value.startsWith(literal());
    next(')');
    return isSo;
  };
  const conjunction = (): boolean => {
    let isSo = comparison();
    while (tokens[at] === '&&') {
      next();
      isSo = comparison() && isSo;
    }
    return isSo;
  };
  let isSo = conjunction();
  while (tokens[at] === '||') {
    next();
    isSo = conjunction() || isSo;
  }
  if (at !== tokens.length) throw new Error(`unread: ${tokens.slice(at).join(' ')}`);
  return isSo;
}

function nameOf({ bucket, object }: StorageRequest): string {
  const name = `projects/_/buckets/${bucket}`;
  return object === undefined ? name : `${name}/objects/${object}`;
}

function attributeOf(attribute: string, { listPrefix }: StorageRequest): string | undefined {
  if (attribute !== 'storage.googleapis.com/objectListPrefix') throw new Error(`unknown attribute ${attribute}`);
  return listPrefix;
}
