import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import { ciPinWarnings } from '../../src/policy/ci-pins.ts';
import { compile } from '../../src/policy/compile.ts';
import { decide } from '../../src/policy/decide.ts';
import type { Snapshot } from '../../src/policy/snapshot.ts';
import { readDocuments } from '../../src/resources/read-documents.ts';
import { createVerifier } from '../../src/verifiers/verify.ts';
import { newKey, signClaims } from '../fakes/cluster-keys.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { keysUnderTest, refusal, staticKeys, trustedIssuers } from '../verifiers/issuers-under-test.ts';
import { page } from './markdown.ts';

const clock = new FakeClock();
const blocks = [...page('docs/adding-an-issuer.md').matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => text);

interface Fixture {
  readonly header: object;
  readonly fromIssuedAt: { readonly nbf: number; readonly exp: number };
  readonly claims: Readonly<Record<string, unknown>>;
}

function fixture(system: string): Fixture {
  return JSON.parse(readFileSync(join(import.meta.dirname, `../fixtures/ci-tokens/${system}.json`), 'utf8'));
}

/** A block of the page as an installation would have it in force. */
function inForce(block: string): Snapshot {
  const origin = { id: '/etc/carnet/a.yaml', baseDirectory: '/etc/carnet' };
  const { documents, faults } = readDocuments(block, origin, { development: false, now: clock.now() });
  const context = { trustDomain: 'example.org', ownIssuers: [], requireGrants: false };
  const compiled = compile({ documents, firstSeen: () => undefined, lastGood: [], context });
  expect([...faults, ...compiled.faults, ...ciPinWarnings(documents, compiled.snapshot.issuers)]).toEqual([]);
  return compiled.snapshot;
}

describe('docs/adding-an-issuer.md', () => {
  test('shows a block for a reviewed cluster and one for each CI system', () => {
    expect(blocks.length).toBe(5);
    const [edge] = inForce(blocks[0] ?? '').issuers.byName.values();
    expect(edge?.profile).toMatchObject({ tokenReview: { server: { kind: 'address', url: 'https://10.7.0.1:6443' } } });
  });

  test.each([
    ['github', 1, 'repository_owner_id', 'environment'],
    ['gitlab', 2, 'namespace_id', 'ref_protected'],
    ['buildkite', 3, 'organization_id', 'build_branch'],
    ['terraform-cloud', 4, 'terraform_organization_id', 'terraform_run_phase'],
  ])('%s: its token gets the role, and neither another organisation nor another place does', async (...row) => {
    const [system, at, organisation, place] = row;
    const snapshot = inForce(blocks[at] ?? '');
    const issuer = snapshot.issuers.byName.get(system);
    const [mapping = ''] = [
      ...(blocks[at] ?? '').matchAll(/kind: FederationMapping\nmetadata: \{ name: (\S+) \}/g),
    ].map(([, name = '']) => name);
    if (issuer === undefined) throw new Error('the block has no such issuer');
    const key = newKey('RS256');
    const issuers = trustedIssuers({ ...issuer, keys: staticKeys(key) });
    const verify = createVerifier({ keys: keysUnderTest(clock).keys, clock });
    const { header, fromIssuedAt, claims } = fixture(system);
    const exchange = async (changes: object) => {
      const iat = Math.floor(clock.now() / 1000);
      const times = { iat, nbf: iat + fromIssuedAt.nbf, exp: iat + fromIssuedAt.exp };
      const token = signClaims(key, { ...claims, ...times, ...changes }, header);
      const identity = await verify(new Secret(token), TokenType.idToken, issuers);
      return decide(snapshot, identity, { address: mapping, scopes: [] }, clock.now());
    };
    expect(await exchange({})).toMatchObject({ outcome: 'allowed', mapping, grant: { ttlSeconds: 900 } });
    expect((await refusal(exchange({ [organisation]: 'another' }))).key).toBe('token_claims');
    expect((await refusal(exchange({ [organisation]: undefined }))).key).toBe('token_claims');
    expect(await exchange({ [place]: 'another' })).toMatchObject({ outcome: 'refused', error: 'target_refused' });
    expect(await exchange({ [place]: undefined })).toMatchObject({ outcome: 'refused', error: 'target_refused' });
  });
});
