import { TARGETS, type TargetSpec } from '../resources/targets/target.ts';

/**
 * Features that a mapping uses and that are not built: what it asks for cannot be kept, so it is inactive and refuses
 * whoever it selects.
 */
export function unbuiltFeatures(target: TargetSpec): readonly string[] {
  const used: readonly (readonly [string, boolean])[] = [[`target.${target.kind}`, !TARGETS[target.kind].built]];
  return used.filter(([, isUsed]) => isUsed).map(([feature]) => feature);
}
