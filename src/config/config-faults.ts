/** Something wrong with the configuration, for people: where, what, and the mend. Never repeats a value. */
export interface ConfigFault {
  /** `listeners.workload.url`; empty when the whole file is meant. */
  readonly path: string;
  readonly message: string;
  /** Line in the file, 1-based, where the value came from the file. */
  readonly line?: number;
  /** The environment variable that set the value, or that is itself the fault. */
  readonly variable?: string;
  /** How to mend it. */
  readonly hint?: string;
}

function place(fault: ConfigFault, file: string | undefined): string {
  if (fault.variable !== undefined) return fault.variable;
  if (fault.line === undefined) return file ?? 'configuration';
  return file === undefined ? `line ${fault.line}` : `${file}:${fault.line}`;
}

/** One line for people: `carnet.yaml:3: issuer: must be https (hint)`. */
export function faultLine(fault: ConfigFault, file?: string): string {
  const hint = fault.hint === undefined ? '' : ` (${fault.hint})`;
  return [place(fault, file), fault.path, fault.message].filter((part) => part !== '').join(': ') + hint;
}

/** Every fault of a configuration at once; whoever starts Carnet prints the message and exits 78. */
export class ConfigFaults extends Error {
  override readonly name = 'ConfigFaults';
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[], file?: string) {
    super(faults.map((fault) => faultLine(fault, file)).join('\n'));
    this.faults = faults;
  }
}
