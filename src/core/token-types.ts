/** Token type identifiers (RFC 8693 section 3). Fixed strings: never derived from a deployment's issuer. */
export const TokenType = {
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
  idToken: 'urn:ietf:params:oauth:token-type:id_token',
  accessToken: 'urn:ietf:params:oauth:token-type:access_token',
  awsCredentials: 'urn:carnet:token-type:aws-credentials',
  jwtSvid: 'urn:carnet:token-type:jwt-svid',
  x509Svid: 'urn:carnet:token-type:x509-svid',
} as const;
export type TokenType = (typeof TokenType)[keyof typeof TokenType];

/** An input alias seen in the wild for a JWT-SVID; read as `jwtSvid`, never emitted (protocol.md 1.6). */
export const JWT_SVID_ALIAS = 'urn:ietf:params:oauth:token-type:jwt-svid';

export const GRANT_TYPE_TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
