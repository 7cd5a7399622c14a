import { describe, expect, test } from 'vitest';
import { AdminError } from '../../src/admin/admin-error.ts';
import { submittedStream } from '../../src/admin/submitted-stream.ts';

/** What is wrong with a body, and how often other requests had their turn while it was read. */
async function refusalOf(text: string) {
  let [turns, done] = [0, false];
  const turn = () => {
    turns += 1;
    if (!done) setImmediate(turn);
  };
  setImmediate(turn);
  const error = await submittedStream(text).catch((thrown: unknown) => thrown);
  done = true;
  if (!(error instanceof AdminError)) throw new Error('it was taken');
  return { faults: error.faults, turns };
}

const sound = (name: string) => `---\n{ kind: Guardrail, metadata: { name: ${name} }, spec: {} }\n`;

describe('submittedStream', () => {
  test('gives the documents of a body in their order', async () => {
    const found = await submittedStream(sound('b') + sound('a'));
    expect(found.map(({ name }) => name)).toEqual(['b', 'a']);
  });

  test('reads on after a fault, and stops once there are more than anybody is told of', async () => {
    const { faults, turns } = await refusalOf('---\na: 1\n'.repeat(30_000));
    expect(faults).toHaveLength(100);
    expect(turns).toBeLessThan(1_000);
  });

  test('looks at no document where there are more than can say anything', async () => {
    const { faults, turns } = await refusalOf('---\n'.repeat(200_000));
    expect(faults.map(({ message }) => message)).toEqual(['must not hold more than 40000 documents']);
    expect(turns).toBeLessThan(10);
  });
});
