/** One thing that `carnet doctor` looked at. Holds nothing of the token but its audience and times. */
export interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly found: string;
  /** What to do about it. */
  readonly mend?: string;
}

export function ok(check: string, found: string): Finding {
  return { check, state: 'ok', found };
}

export function warning(check: string, found: string, mend: string): Finding {
  return { check, state: 'warning', found, mend };
}

export function failed(check: string, found: string, mend: string): Finding {
  return { check, state: 'failed', found, mend };
}
