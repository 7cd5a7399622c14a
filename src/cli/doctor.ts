import { authorityFinding } from './doctor/authority-check.ts';
import { type Finding, failed, ok } from './doctor/finding.ts';
import { reachFindings } from './doctor/reach-checks.ts';
import { tokenFindings } from './doctor/token-checks.ts';
import { CommandError, ExitCode } from './exit-code.ts';
import { printable, printableJson, styleOf } from './style.ts';
import { textOfTokenFile } from './subject-token.ts';
import type { Surroundings } from './surroundings.ts';
import { parseEndpoint } from './token-endpoint.ts';

export interface DoctorOptions {
  readonly endpoint?: string;
  readonly tokenFile?: string;
  readonly audience?: string;
  readonly output: 'text' | 'json';
}

/**
 * `carnet doctor`: why a workload gets no credential, as far as it can be seen from where it runs. It sends no token and
 * prints none. Resolves to the exit code: 69 when the service cannot be reached, 1 when something else is wrong.
 */
export async function doctor(options: DoctorOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { env, clock, out } = surroundings;
  const endpoint = options.endpoint ?? env['CARNET_ENDPOINT'];
  if (!endpoint) throw new CommandError(ExitCode.usage, 'name the server: --endpoint URL or CARNET_ENDPOINT');
  const tokenFile = options.tokenFile ?? env['CARNET_TOKEN_FILE'];
  if (!tokenFile) throw new CommandError(ExitCode.usage, 'name the token: --token-file FILE or CARNET_TOKEN_FILE');
  const url = parseEndpoint(endpoint);
  const own = [
    ...(await fileFindings(tokenFile, options.audience, surroundings)),
    await authorityFinding(env['NODE_EXTRA_CA_CERTS'], clock.now()),
  ];
  const reach = await reachFindings(url, () => clock.now());
  const findings = [...own, ...reach];
  if (options.output === 'json') out.write(`${printableJson({ endpoint: url.href, findings }, 2)}\n`);
  else print(findings, surroundings);
  if (hasFailed(own) || reach.some(({ check, state }) => check === 'clock' && state === 'failed'))
    return ExitCode.refused;
  return hasFailed(reach) ? ExitCode.unavailable : ExitCode.ok;
}

async function fileFindings(
  file: string,
  audience: string | undefined,
  surroundings: Surroundings,
): Promise<readonly Finding[]> {
  try {
    const text = await textOfTokenFile(file, surroundings);
    return [ok('token file', file), ...tokenFindings(text, audience, surroundings.clock.now())];
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    const mend = 'mount the projected token there, readable for this user (fsGroup)';
    return [failed('token file', `${file} (${code})`, mend)];
  }
}

function hasFailed(findings: readonly Finding[]): boolean {
  return findings.some(({ state }) => state === 'failed');
}

const COLOURS = { ok: 'green', warning: 'yellow', failed: 'red', skipped: 'dim' } as const;

function print(findings: readonly Finding[], { out, env }: Surroundings): void {
  const style = styleOf(out, env);
  for (const { check, state, found, mend } of findings) {
    out.write(`${style(COLOURS[state], state.padEnd(7))}  ${check.padEnd(11)}  ${printable(found)}`.trimEnd());
    out.write(mend === undefined ? '\n' : `\n${' '.repeat(22)}${style('dim', printable(mend))}\n`);
  }
}
