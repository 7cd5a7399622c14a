import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { authenticationConfiguration } from './authentication-configuration.ts';
import { loadConfiguration } from './configuration.ts';
import { CommandError, ExitCode } from './exit-code.ts';
import { pemCertificates } from './pem-certificates.ts';
import type { Surroundings } from './surroundings.ts';

export interface TrustKubernetesOptions {
  readonly config: string;
  readonly audience?: string;
  readonly caFile?: string;
  readonly discoveryUrl?: string;
}

const DISCOVERY = '/.well-known/openid-configuration';
/** Of an audience, as in a mapping. */
const MAX_AUDIENCE_CHARACTERS = 1024;

/**
 * `carnet trust kubernetes`: the AuthenticationConfiguration with which an API server accepts Carnet's JWT-SVIDs. Throws
 * CommandError `usage` or `configuration` rather than print one that an API server refuses or that trusts too much.
 */
export function trustKubernetes(options: TrustKubernetesOptions, surroundings: Surroundings): ExitCode {
  const { audience, caFile, discoveryUrl } = options;
  if (audience === undefined || !/^[\x21-\x7e]+$/.test(audience) || audience.length > MAX_AUDIENCE_CHARACTERS) {
    throw new CommandError(
      ExitCode.usage,
      'give --audience: a name of this API server alone, which a jwtSvid mapping lists; what several accept, each can replay',
    );
  }
  const { issuer, trustDomain } = loadConfiguration(options.config, surroundings);
  if (!issuer.startsWith('https://')) {
    throw new CommandError(
      ExitCode.configuration,
      `an API server accepts https issuers only, and this one is ${issuer}`,
    );
  }
  const svidIssuer = `${issuer}/svid`;
  if (discoveryUrl !== undefined) checkDiscovery(discoveryUrl);
  surroundings.out.write(
    authenticationConfiguration({
      issuer: svidIssuer,
      trustDomain,
      audience,
      ...(caFile !== undefined && {
        certificateAuthority: certificates(resolve(surroundings.workingDirectory, caFile)),
      }),
      // An API server refuses one that says nothing new.
      ...(discoveryUrl !== undefined && discoveryUrl !== svidIssuer + DISCOVERY && { discoveryUrl }),
    }),
  );
  return ExitCode.ok;
}

/** API servers fetch exactly this address. */
function checkDiscovery(url: string): void {
  const isRight = URL.canParse(url) && url.startsWith('https://') && !/[?#@\s]/.test(url) && url.endsWith(DISCOVERY);
  if (isRight) return;
  const message = `--discovery-url must be https, without user, query or fragment, and end in ${DISCOVERY}`;
  throw new CommandError(ExitCode.usage, message);
}

/** The certificates alone: a private key in the same file must not be printed. */
function certificates(file: string): string {
  try {
    const found = pemCertificates(readFileSync(file, 'utf8'));
    for (const pem of found) new X509Certificate(pem);
    if (found.length > 0) return `${found.join('\n')}\n`;
  } catch (error) {
    throw new CommandError(ExitCode.configuration, `--ca-file cannot be read as certificates: ${file}`, {
      cause: error,
    });
  }
  throw new CommandError(ExitCode.configuration, `--ca-file holds no certificate: ${file}`);
}
