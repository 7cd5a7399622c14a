/** One call as IAM sees it. */
export interface IamRequest {
  readonly action: string;
  readonly resource: string;
  readonly context?: Readonly<Record<string, string>>;
}

type Condition = (value: string | undefined, patterns: readonly string[]) => boolean;

/** A key that the request lacks satisfies no condition. */
const CONDITIONS: Readonly<Record<string, Condition>> = {
  StringEquals: (value, texts) => value !== undefined && texts.includes(value),
  DateLessThan: (value, instants) => value !== undefined && instants.some((one) => Date.parse(value) < Date.parse(one)),
  StringLike: (value, patterns) => value !== undefined && patterns.some((pattern) => isLike(value, pattern)),
};
const MEMBERS = ['Effect', 'Action', 'Resource', 'Condition'];

/**
 * Whether a policy document allows a request: some statement allows it and none denies it. Written from IAM's grammar of
 * policies; what it does not know (NotAction, variables, other operators) it refuses to evaluate.
 */
export function iamAllows(document: string, request: IamRequest): boolean {
  const policy = objectOf(JSON.parse(document));
  if (Object.keys(policy).join() !== 'Version,Statement' || policy['Version'] !== '2012-10-17') {
    throw new Error('not a policy document');
  }
  if (document.includes('$')) throw new Error('a policy variable');
  const statements = listOf(policy['Statement']).map(objectOf);
  const effects = statements.filter((statement) => applies(statement, request)).map(({ Effect }) => Effect);
  return effects.includes('Allow') && !effects.includes('Deny');
}

function applies(statement: Record<string, unknown>, { action, resource, context = {} }: IamRequest): boolean {
  const unknown = Object.keys(statement).filter((member) => !MEMBERS.includes(member));
  if (unknown.length > 0) throw new Error(`unknown members ${unknown.join()}`);
  const actions = listOf(statement['Action']).map(String);
  const resources = listOf(statement['Resource']).map(String);
  return (
    actions.some((pattern) => isLike(action.toLowerCase(), pattern.toLowerCase())) &&
    resources.some((pattern) => isLike(resource, pattern)) &&
    Object.entries(objectOf(statement['Condition'] ?? {})).every(([operator, keys]) =>
      Object.entries(objectOf(keys)).every(([key, patterns]) => {
        const condition = CONDITIONS[operator];
        if (condition === undefined) throw new Error(`unknown operator ${operator}`);
        return condition(context[key], listOf(patterns).map(String));
      }),
    )
  );
}

/** `*` stands for any characters, `?` for exactly one. */
function isLike(text: string, pattern: string): boolean {
  const source = [...pattern].map((char) => (char === '*' ? '.*' : char === '?' ? '.' : `\\u{${hex(char)}}`)).join('');
  return new RegExp(`^${source}$`, 'su').test(text);
}

function hex(char: string): string {
  return (char.codePointAt(0) ?? 0).toString(16);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('not an object');
  return value as Record<string, unknown>;
}
