import type { Mode, Terms } from './compiled-mapping.ts';

/** The mode that counts now, milliseconds: what only reported enforces from its `until` on. */
export function modeAt({ mode }: Pick<Terms, 'mode'>, now: number): Mode['kind'] {
  return mode.kind === 'report' && !(now < mode.until) ? 'enforce' : mode.kind;
}
