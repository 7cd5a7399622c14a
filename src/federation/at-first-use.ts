import type { Target } from '../core/credential.ts';
import type { Grant } from '../core/decision.ts';

/**
 * A target that is made for the first who asks, one for all who come meanwhile too. Where that fails it is tried again for
 * the next: a process that is out of file descriptors now can load code later.
 */
export function atFirstUse<G extends Grant>(kind: G['kind'], make: () => Promise<Target<G>>): Target<G> {
  let made: Promise<Target<G>> | undefined;
  const makeAnew = async () => {
    try {
      return await make();
    } catch (error) {
      made = undefined;
      throw error;
    }
  };
  return {
    kind,
    async issue(...asked) {
      made ??= makeAnew();
      const target = await made;
      return await target.issue(...asked);
    },
  };
}
