/** One way for an unmodified SDK, or AWS's command line, to get the credentials of a mapping. */
export interface Surface {
  readonly name: string;
  /** For people: who reads these variables. */
  readonly title: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Files that the environment names, beside the token, by their names in FILES_FOLDER. */
  readonly files: Readonly<Record<string, string>>;
  /** What the environment alone does not do. */
  readonly notes: readonly string[];
}

/** Where a surface's files stand in a container. */
export const FILES_FOLDER = '/etc/carnet';

/** Where the workload finds Carnet and its own token. */
export interface Whereabouts {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly tokenFile: string;
}
