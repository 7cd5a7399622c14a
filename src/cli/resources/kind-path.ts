import { CommandError, ExitCode } from '../exit-code.ts';

/** Below `/admin/v1/`, by the kind of what is there. */
export const PATHS = {
  TrustedIssuer: 'issuers',
  FederationMapping: 'mappings',
  Guardrail: 'guardrails',
  FederationGrant: 'grants',
} as const;

/** The path of a kind, by its name or by the path with or without its last letter. Throws CommandError. */
export function kindPath(written: string): string {
  const found = Object.entries(PATHS).find(([kind, path]) => {
    return [kind.toLowerCase(), path, path.slice(0, -1)].includes(written.toLowerCase());
  });
  if (found !== undefined) return found[1];
  throw new CommandError(ExitCode.usage, `KIND is one of ${Object.values(PATHS).join(', ')}`);
}

/** The path of one resource. */
export function resourcePath(kind: string, name: string): string {
  return `${kindPath(kind)}/${encodeURIComponent(name)}`;
}
