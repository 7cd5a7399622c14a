import { describe, expect, test } from 'vitest';
import { gcpTarget } from '../../../src/resources/targets/gcp.ts';

const provider = (pool: string, name: string) =>
  `//iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/${pool}/providers/${name}`;

describe('the provider of a gcp target', () => {
  test.each(['main', '2024', '117249f6e24734b8bb691a16a81e', '0---', 'x'.repeat(32)])(
    'may have any id of pool and provider that Google gives: %s',
    (id) => {
      expect(gcpTarget.safeParse({ provider: provider(id, id) }).success).toBe(true);
    },
  );

  test.each(['abc', 'x'.repeat(33), '-abc', 'Main', 'a_bc', 'a.bc', 'abc/', 'abc*', ''])(
    'has no id that Google does not give, or that its command line takes for an option: %s',
    (id) => {
      expect(gcpTarget.safeParse({ provider: provider(id, 'main') }).success).toBe(false);
      expect(gcpTarget.safeParse({ provider: provider('main', id) }).success).toBe(false);
    },
  );
});
