/** What a member API server must know to accept JWT-SVIDs. */
export interface AcceptedIssuer {
  /** Carnet's SVID issuer. */
  readonly issuer: string;
  readonly trustDomain: string;
  /** The API server's own, which no other service has. */
  readonly audience: string;
  /** PEM certificates; absent: the API server's system roots. */
  readonly certificateAuthority?: string;
  /** Where the API server reads discovery when not below the issuer. */
  readonly discoveryUrl?: string;
}

/** Longer than any default of Carnet's; a mapping with a greater `ttl.max` is not meant for API servers. */
const MAX_LIFETIME_SECONDS = 3600;

/**
 * AuthenticationConfiguration `apiserver.config.k8s.io/v1` (KEP-3331) as YAML: a JWT-SVID of this trust domain, for this
 * audience and no other, is the user `carnet:<SPIFFE ID>` without groups; nobody can become a `system:` user or group.
 */
export function authenticationConfiguration(accepted: AcceptedIssuer): string {
  const { issuer, trustDomain, audience, certificateAuthority, discoveryUrl } = accepted;
  const rule = (expression: string, message: string) => [
    `  - expression: ${quoted(expression)}`,
    `    message: ${quoted(message)}`,
  ];
  const lines = [
    'apiVersion: apiserver.config.k8s.io/v1',
    'kind: AuthenticationConfiguration',
    'jwt:',
    '- issuer:',
    `    url: ${quoted(issuer)}`,
    ...(discoveryUrl === undefined ? [] : [`    discoveryURL: ${quoted(discoveryUrl)}`]),
    `    audiences: [${quoted(audience)}]`,
    '    audienceMatchPolicy: MatchAny',
    ...(certificateAuthority === undefined ? [] : ['    certificateAuthority: |', ...indented(certificateAuthority)]),
    '  claimValidationRules:',
    ...rule(
      `claims.exp - claims.iat <= ${MAX_LIFETIME_SECONDS}`,
      `the token lives over ${MAX_LIFETIME_SECONDS} seconds`,
    ),
    ...rule(`claims.sub.startsWith(${celText(`spiffe://${trustDomain}/`)})`, 'the subject is of another trust domain'),
    ...rule(`claims.aud == ${celText(audience)}`, 'the token is for other services too'),
    '  claimMappings:',
    '    username:',
    `      expression: ${quoted("'carnet:' + claims.sub")}`,
    '    extra:',
    '    # The same jti stands in the audit log of Carnet.',
    '    - key: carnet.dev/jti',
    '      valueExpression: claims.jti',
    '  userValidationRules:',
    ...rule("!user.username.startsWith('system:')", 'the user name is reserved'),
    ...rule("user.groups.all(group, !group.startsWith('system:'))", 'the group name is reserved'),
  ];
  return `${lines.join('\n')}\n`;
}

/** JSON's strings are YAML's double-quoted ones. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

/** A string literal of CEL, which knows the escapes of JSON. */
function celText(text: string): string {
  return /^[A-Za-z0-9:/._~@-]*$/.test(text) ? `'${text}'` : JSON.stringify(text);
}

function indented(text: string): readonly string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `      ${line}`);
}
