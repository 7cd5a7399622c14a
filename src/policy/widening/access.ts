import { durationSeconds } from '../../resources/duration.ts';
import type { Terms } from '../compiled-mapping.ts';
import { beyond, differs, type Found, found } from './reason.ts';

/** Whether fewer, or other, people have to approve, or what they approve is more. */
export function accessWidens({ access: before }: Terms, { access: after }: Terms): readonly Found[] {
  if (before === undefined) return [];
  if (after === undefined) return [{ field: 'spec.access', why: 'is standing, and had to be approved' }];
  const { spec: old } = before;
  const { spec: now } = after;
  const field = (name: string) => `spec.access.justInTime.${name}`;
  const uses = (spec: typeof old) => spec.maxUses ?? Number.POSITIVE_INFINITY;
  return found([
    ['spec.owner', before.owner !== after.owner && 'is another, and the former one may now approve'],
    [field('approvals'), now.approvals < old.approvals && `are down from ${old.approvals}`],
    [field('approvers'), beyond(old.approvers, now.approvers).length > 0 && 'are others too'],
    [
      field('maxDuration'),
      durationSeconds(now.maxDuration) > durationSeconds(old.maxDuration) && `is up from ${old.maxDuration}`,
    ],
    [field('maxUses'), uses(now) > uses(old) && 'is up, or gone'],
    [field('reason'), old.reason === 'required' && now.reason === 'optional' && 'is not required any more'],
    [
      field('breakGlass'),
      now.breakGlass !== undefined && differs(old.breakGlass, now.breakGlass) && 'lets others open it alone',
    ],
  ]);
}
