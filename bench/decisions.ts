import type { Decision } from '../src/core/decision.ts';
import { decide } from '../src/policy/decide.ts';
import { ask, cluster, guardrail, NOW, snapshotOf, svidMapping, workload } from '../test/support/policy-builders.ts';

// `decide` alone, over so many mappings of one and the same address, each for another ServiceAccount.
const [size = '10', count = '1000'] = process.argv.slice(2);
const mappings = Array.from({ length: Number(size) }, (_, number) =>
  svidMapping(`m-${number}`, { subject: { issuer: 'prod-eu', ...account(number) } }),
);
const snapshot = snapshotOf(
  cluster('prod-eu', { env: 'prod' }),
  guardrail('prod-needs-a-pod', { match: { issuerLabels: { env: 'prod' } }, requirePodBound: true }),
  ...mappings,
);
const asked = ask('ledger');
/** Callers spread over all mappings, so that caches hold what they would hold in service. */
const callers = Array.from({ length: 1024 }, (_, number) => workload(account((number * 7919) % Number(size))));

function account(number: number) {
  return { namespace: `ns-${number % 100}`, serviceAccount: `sa-${number}` };
}

function repeat(times: number): Decision['outcome'][] {
  const outcomes = new Set<Decision['outcome']>();
  for (let index = 0; index < times; index += 1) {
    const caller = callers[index % callers.length];
    if (caller !== undefined) outcomes.add(decide(snapshot, caller, asked, NOW).outcome);
  }
  return [...outcomes];
}

repeat(Number(count) / 4);
const before = process.cpuUsage();
const outcomes = repeat(Number(count));
const { user, system } = process.cpuUsage(before);
if (outcomes.join() !== 'allowed') throw new Error(`decided ${outcomes.join()}`);
const examined = Math.max(...callers.map((caller) => snapshot.mappings.candidates(caller, asked.address).examined));
process.send?.({
  [`decide.${size}`]: ((user + system) / Number(count)) * 1000,
  [`examined.${size}`]: examined,
});
process.disconnect?.();
