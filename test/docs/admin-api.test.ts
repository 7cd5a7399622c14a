import { describe, expect, test } from 'vitest';
import { type Actor, assertMay, type Right } from '../../src/admin/actor.ts';
import { PROBLEMS } from '../../src/admin/admin-error.ts';
import { ADMIN_ROLES, type AdminRole } from '../../src/core/admin-role.ts';
import { page, tableRows } from './markdown.ts';

const text = page('docs/admin-api.md');

function may(role: AdminRole, right: Right): string {
  const actor: Actor = { issuer: 'i', subject: 's', roles: [role] };
  try {
    assertMay(actor, right);
    return 'yes';
  } catch {
    return 'no';
  }
}

describe('docs/admin-api.md', () => {
  test('lists exactly the problems of the closed table, with status and title', () => {
    const known = Object.entries(PROBLEMS).map(([key, { status, title }]) => [key, String(status), title]);
    expect(tableRows(text, '| key | status | `title` |')).toEqual(known);
  });

  test('tells exactly what each role may', () => {
    const rights: readonly Right[] = [
      'read',
      'change mappings',
      'change issuers, guardrails and grants',
      'read the audit log',
      'replay',
      'ask for access',
      'decide on access',
    ];
    const known = ADMIN_ROLES.map((role) => [role, ...rights.map((right) => may(role, right))]);
    expect(
      tableRows(
        text,
        '| role | reads | changes mappings | changes issuers, guardrails, grants | reads the audit log | replays | asks for access | decides on access |',
      ),
    ).toEqual(known);
  });
});
