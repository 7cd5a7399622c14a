import type { Fault } from '../resources/document.ts';

/**
 * Thrown when a start would run without an issuer or a ceiling that its files hold and that cannot be read: the process
 * ends with 78, and the faults say what to mend.
 */
export class StartRefused extends Error {
  override readonly name = 'StartRefused';
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super('resources are faulty and have no last good version');
    this.faults = faults;
  }
}
