/** How the command ends (docs/cli.md). The numbers above 64 are those of sysexits. */
export const ExitCode = {
  ok: 0,
  /** Carnet refused, or a check found a fault. */
  refused: 1,
  usage: 2,
  /** `diff` found differences. */
  differs: 3,
  /** With `--fail-on flips`: requests of the window would be answered otherwise. */
  flips: 4,
  /** Under `admin.fourEyes`: nothing is changed until a second person has given the same command. */
  waits: 5,
  /** The other side is down, throttles or does not speak the protocol: trying again may help. */
  unavailable: 69,
  /** A defect of Carnet's own. */
  internal: 70,
  /** Configuration or a file that it names: trying again does not help. */
  configuration: 78,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Ends a command with one line for people. `message` holds no token and no key. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
