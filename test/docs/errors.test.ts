import { describe, expect, test } from 'vitest';
import { MENDS } from '../../src/cli/mends.ts';
import { ERRORS, type ErrorKey, OAuthError, REASONS } from '../../src/core/oauth-error.ts';
import { page, tableRows } from './markdown.ts';

const text = page('docs/errors.md');

describe('docs/errors.md', () => {
  test('lists exactly the errors of the closed table, with status, code and description', () => {
    const written = tableRows(text, '| key | status | `error` | `error_description` |');
    const known = (Object.keys(ERRORS) as ErrorKey[]).map((key) => {
      const error = new OAuthError(key);
      return [key, String(error.status), error.code, error.message];
    });
    expect(written).toEqual(known);
  });

  test('lists exactly the reasons that a caller may learn, with the mends that carnet exchange prints', () => {
    expect(tableRows(text, '| reason | what to do |')).toEqual(REASONS.map((reason) => [reason, MENDS[reason]]));
  });
});
