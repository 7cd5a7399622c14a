import { readFile } from 'node:fs/promises';
import { readResources } from '../src/catalog/read-resources.ts';
import { systemClock } from '../src/core/clock.ts';
import type { Explained } from '../src/core/decision.ts';
import { Secret } from '../src/core/secret.ts';
import { TokenType } from '../src/core/token-types.ts';
import { compile } from '../src/policy/compile.ts';
import { conditionsFor } from '../src/policy/conditions/conditions-for.ts';
import { decideAloud } from '../src/policy/decide.ts';
import { readKeySet } from '../src/verifiers/key-set.ts';
import { createVerifier } from '../src/verifiers/verify.ts';
import type { Stage } from './stage.ts';

/**
 * The decision on the workload's token, made here by the very functions that the service runs: it is pure, so the same
 * resources, identity and time give the same answer and the same reasons.
 */
export async function explain({ url, resourcesFile, tokenFile, cluster }: Stage, address: string): Promise<Explained> {
  const now = systemClock.now();
  const { documents } = await readResources([resourcesFile], { development: true, now });
  const { snapshot } = compile({
    documents,
    firstSeen: () => 1,
    lastGood: [],
    conditions: await conditionsFor(documents),
    context: { trustDomain: 'example.org', ownIssuers: [url, `${url}/svid`], requireGrants: false },
  });
  const { byKid } = readKeySet(JSON.parse(JSON.stringify(cluster.keySet())));
  const find = async (_issuer: unknown, kid: string) => {
    const key = byKid.get(kid);
    return key === undefined ? ({ found: 'absent' } as const) : ({ found: 'key', key } as const);
  };
  const verify = createVerifier({ keys: { find }, clock: systemClock });
  const token = new Secret(await readFile(tokenFile, 'utf8'));
  return decideAloud(snapshot, await verify(token, TokenType.jwt, snapshot.issuers), { address, scopes: [] }, now);
}
