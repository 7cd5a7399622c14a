import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { OAuthError } from '../../core/oauth-error.ts';
import { Secret } from '../../core/secret.ts';
import { readCompactJws } from '../../verifiers/compact-jws.ts';
import { type Finding, failed, ok, warning } from './finding.ts';

/** A TrustedIssuer takes no longer tokens unless it says so. */
const DEFAULT_MAX_LIFETIME_SECONDS = 86_400;
const SOON_SECONDS = 60;

/** What is right and wrong with the text of a token file. `now` in milliseconds. Looks at no signature. */
export function tokenFindings(text: string, audience: string | undefined, now: number): readonly Finding[] {
  const token = new Secret(text.trim());
  let claims: JsonObject;
  try {
    claims = readCompactJws(token).unverifiedClaims;
  } catch (error) {
    const detail = error instanceof OAuthError ? error.detail : undefined;
    return [
      failed(
        'token',
        detail ?? 'cannot be read as a JWT',
        'the file must hold one JWT of the platform, and nothing else',
      ),
    ];
  }
  const form =
    text === text.trim()
      ? ok('token', 'a JWT')
      : warning(
          'token',
          'a JWT with blanks or a line break around it',
          "write it without: AWS's SDKs send the file as it is",
        );
  return [form, audienceFinding(claims, audience), ...timeFindings(claims, now / 1000), ...bindingFindings(claims)];
}

function audienceFinding({ aud }: JsonObject, wanted: string | undefined): Finding {
  const held = (Array.isArray(aud) ? aud : [aud]).filter((one) => typeof one === 'string');
  const found = held.length === 0 ? '(none)' : held.join(', ');
  if (held.length === 0)
    return failed('audience', found, 'ask the platform for a token with an audience of the TrustedIssuer');
  if (wanted !== undefined && !held.includes(wanted)) {
    return failed(
      'audience',
      found,
      `ask the platform for a token for ${wanted}, as in audience: of the projected volume`,
    );
  }
  if (held.length > 1)
    return warning('audience', found, 'Carnet refuses further audiences unless the TrustedIssuer allows them');
  return ok('audience', found);
}

function timeFindings(claims: JsonObject, now: number): readonly Finding[] {
  const { exp, iat, nbf } = claims;
  if (typeof exp !== 'number' || typeof iat !== 'number') {
    return [failed('expiry', 'no exp or no iat', 'Carnet takes no token without both')];
  }
  const end = Math.min(exp, warnAfter(claims) ?? exp);
  const left = Math.floor(end - now);
  return [
    expiryFinding(left),
    lifetimeFinding(end - iat),
    ...futureFindings(Math.max(iat, typeof nbf === 'number' ? nbf : iat) - now),
  ];
}

function expiryFinding(left: number): Finding {
  if (left <= 0)
    return failed(
      'expiry',
      `ended ${-left} s ago`,
      'read the file anew for each use: the platform replaces it ahead of the end',
    );
  if (left < SOON_SECONDS)
    return warning('expiry', `ends in ${left} s`, 'the platform should have replaced it; read the file anew');
  return ok('expiry', `ends in ${left} s`);
}

function lifetimeFinding(seconds: number): Finding {
  if (seconds <= DEFAULT_MAX_LIFETIME_SECONDS) return ok('lifetime', `${Math.floor(seconds)} s`);
  return warning(
    'lifetime',
    `${Math.floor(seconds)} s`,
    'over 24 h is refused unless the TrustedIssuer sets maxTokenLifetime; project a token of its own',
  );
}

function futureFindings(ahead: number): readonly Finding[] {
  if (ahead <= 0) return [];
  return [
    warning(
      'issued',
      `${Math.ceil(ahead)} s ahead of this clock`,
      'set the clock; Carnet tolerates 30 s unless the TrustedIssuer says otherwise',
    ),
  ];
}

/** Kubernetes' legacy extension of tokens: Carnet ends them here (K22). */
function warnAfter(claims: JsonObject): number | undefined {
  const at = kubernetes(claims)?.['warnafter'];
  return typeof at === 'number' ? at : undefined;
}

function bindingFindings(claims: JsonObject): readonly Finding[] {
  const own = kubernetes(claims);
  if (own === undefined) return [];
  if (isJsonObject(own['pod'])) return [ok('binding', 'bound to a pod')];
  return [
    warning(
      'binding',
      'not bound to a pod',
      'mappings to clouds want a projected token of a pod unless they say binding: any',
    ),
  ];
}

function kubernetes(claims: JsonObject): JsonObject | undefined {
  const own: JsonValue | undefined = claims['kubernetes.io'];
  return isJsonObject(own) ? own : undefined;
}
