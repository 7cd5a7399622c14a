import type { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';

export const ADMIN_AUDIENCE = 'https://admin.example.org';

/** Lines of carnet.yaml: each role goes to the group of its name; `more` are further entries. */
export function adminConfig(idp: FakeOidcIssuer, more: readonly string[] = []): string {
  const roles = ['viewer', 'editor', 'approver', 'auditor', 'owner'].map(
    (role) => `{ role: ${role}, claim: groups, value: ${role}s }`,
  );
  return `admin:
  bootstrapTokenFile: ./data/admin-token
  oidc: { issuer: '${idp.issuer}', audience: '${ADMIN_AUDIENCE}', roles: [${[...roles, ...more].join(', ')}] }
`;
}

/** A token of somebody in these groups. */
export function adminToken(idp: FakeOidcIssuer, groups: readonly string[], sub = `${groups.join('-')}@example.org`) {
  return idp.token(ADMIN_AUDIENCE, { sub, groups });
}

export interface AdminAnswer {
  readonly status: number;
  readonly type: string | null;
  readonly etag: string | null;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

interface Asked {
  readonly token?: string;
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request to the admin API; a body goes as JSON unless the headers say otherwise. */
export async function askAdmin(url: string, path: string, asked: Asked = {}): Promise<AdminAnswer> {
  const { token, method = 'GET', body, headers = {} } = asked;
  const answer = await fetch(`${url}/admin/v1/${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    etag: answer.headers.get('etag'),
    headers: answer.headers,
    body: text === '' ? {} : JSON.parse(text),
  };
}
