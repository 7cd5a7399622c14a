import { isDeepStrictEqual } from 'node:util';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { OAuthError } from '../../src/core/oauth-error.ts';
import { Secret } from '../../src/core/secret.ts';
import { type CompactJws, readCompactJws } from '../../src/verifiers/compact-jws.ts';
import { parseStrictJson, StrictJsonError } from '../../src/verifiers/strict-json.ts';
import { type Outcome, outcomeOf, type Target } from './fuzzer.ts';

const bytes = (...texts: readonly string[]) => texts.map((text) => Buffer.from(text));
const encoded = (text: string) => Buffer.from(text).toString('base64url');
/** Steps that cost nothing by size: the outermost calls, limits and checks. */
const BASE_STEPS = 1_000;

const JSON_WORDS = bytes(
  ...[
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    'true',
    'false',
    'null',
    '0',
    '-',
    '.5',
    'e9',
    'E+308',
    '1e999',
    ' ',
    '\n',
  ],
  ...[
    '\\u0061',
    '\\ud800',
    '\\udc00',
    '\\u',
    '\\n',
    '"a":',
    '"a":1,',
    '__proto__',
    '"__proto__":',
    '\\u005f',
    '\0',
    '\u00a0',
  ],
  ...['\ufeff', 'é', '\u{1f600}', '[[[[[[[[[[[[[[[[', '{"a":{"b":{"c":'],
);
const STRAY = [Buffer.of(0xff), Buffer.of(0xc0, 0xaf), Buffer.of(0xed, 0xa0, 0x80), Buffer.of(0xef, 0xbb, 0xbf)];

/** The value as JSON.parse has it, from bytes that must be UTF-8. */
function theirs(input: Uint8Array): Outcome {
  return outcomeOf(() => JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(input)));
}

/** Objects get a prototype, so that they compare with JSON.parse's. */
const plain = (value: unknown): unknown => structuredClone(value);

const strictJson: Target = {
  name: 'strict-json',
  seeds: bytes(
    '{"iss":"https://a.example","aud":["b"],"exp":1900000000,"kubernetes.io":{"namespace":"n"}}',
    '[1,-0.5e+3,true,false,null,"\\u00e9\\n\\"",{}]',
    ' "text" ',
    '-0',
  ),
  words: [...JSON_WORDS, ...STRAY],
  run: (input) => outcomeOf(() => parseStrictJson(input)),
  fault: (input, outcome) => {
    if ('thrown' in outcome) return outcome.thrown instanceof StrictJsonError ? undefined : 'throws another error';
    const oracle = theirs(input);
    if ('thrown' in oracle) return 'accepts what JSON.parse refuses';
    return isDeepStrictEqual(plain(outcome.value), oracle.value) ? undefined : 'reads another value than JSON.parse';
  },
  maxSteps: (length) => BASE_STEPS + 40 * length,
};

const HEADER = encoded('{"alg":"ES256","kid":"k"}');
const CLAIMS = encoded('{"iss":"https://a.example","sub":"s","exp":1900000000}');
/** Every detail is one of a few fixed texts: a detail that repeats the token would be longer or hold other characters. */
const DETAIL = /^[A-Za-z0-9 :,_'-]{1,70}$/;

const compactJws: Target = {
  name: 'compact-jws',
  seeds: bytes(
    `${HEADER}.${CLAIMS}.c2ln`,
    `${encoded('{"typ":"JWT","kid":"a b","alg":"RS256"}')}.${encoded('{}')}.AA`,
    `${encoded('{"alg":"none"}')}.${CLAIMS}.`,
    `${HEADER}.${HEADER}.${HEADER}.${HEADER}.${HEADER}`,
    `{"payload":"${CLAIMS}","protected":"${HEADER}","signature":"c2ln"}`,
  ),
  words: bytes(
    ...['.', '..', '=', '==', '+', '/', '\n', ' ', 'A', '-', '_', '.e30.', HEADER, `${HEADER}.`, CLAIMS],
    ...[
      '{"alg":"ES256","kid":"k","crit":["b64"]}',
      '{"alg":"HS256","kid":"k"}',
      '{"alg":"ES256","alg":"none","kid":"k"}',
    ].map(encoded),
    ...[
      '{"alg":"PS256","typ":"at+jwt","kid":"k"}',
      '{"alg":"Ed25519","typ":"application/jwt","kid":""}',
      '[]',
      '"',
      '\ufeff{}',
    ].map(encoded),
  ),
  run: (input) => {
    const token = new Secret(Buffer.from(input).toString('latin1'));
    return outcomeOf(() => readCompactJws(token));
  },
  fault: (input, outcome) => {
    if ('thrown' in outcome) return refusalFault(outcome.thrown);
    return disagreement(Buffer.from(input).toString('latin1'), outcome.value as CompactJws);
  },
  maxSteps: (length) => BASE_STEPS + 40 * length,
};

function refusalFault(thrown: unknown): string | undefined {
  if (!(thrown instanceof OAuthError) || thrown.key !== 'token_malformed') return 'throws another error';
  return DETAIL.test(thrown.detail ?? '') ? undefined : 'says more than a fixed text';
}

/** jose reads more than Carnet does; what Carnet reads, jose must read the same way. */
function disagreement(token: string, { alg, kid, unverifiedClaims, signingInput }: CompactJws): string | undefined {
  const oracle = outcomeOf(() => ({ header: decodeProtectedHeader(token), claims: decodeJwt(token) }));
  if ('thrown' in oracle) return 'accepts what jose refuses';
  const { header, claims } = oracle.value as { header: { alg?: string; kid?: string }; claims: unknown };
  if (header.alg !== alg || header.kid !== kid) return 'reads another header than jose';
  if (!isDeepStrictEqual(plain(unverifiedClaims), plain(claims))) return 'reads other claims than jose';
  return token.startsWith(`${signingInput}.`) ? undefined : 'would have other bytes signed';
}

/** A change within a segment, encoded again: plain changes of base64url seldom leave JSON behind. */
const jwsHeader: Target = segmentTarget('jws-header', strictHeaderSeeds(), (text) => `${text}.${CLAIMS}.c2ln`);
const jwsClaims: Target = segmentTarget('jws-claims', strictJson.seeds, (text) => `${HEADER}.${text}.c2ln`);

function strictHeaderSeeds(): readonly Uint8Array[] {
  return bytes(
    '{"alg":"ES256","kid":"k"}',
    '{"typ":"application/jwt","alg":"RS256","kid":"a b","jku":"https://e.example"}',
  );
}

function segmentTarget(name: string, seeds: readonly Uint8Array[], token: (segment: string) => string): Target {
  const whole = (input: Uint8Array) => Buffer.from(token(Buffer.from(input).toString('base64url')));
  const members = bytes(...['alg', 'kid', 'typ', 'crit', 'b64', 'zip', 'cty', 'enc', 'jwk'].map((one) => `"${one}":`));
  const values = bytes('"ES256"', '"none"', '"HS256"', '"JWT"', '"at+jwt"', '["b64"]', 'toString', 'constructor');
  return {
    name,
    seeds,
    words: [...strictJson.words, ...members, ...values],
    run: (input) => compactJws.run(whole(input)),
    fault: (input, outcome) => compactJws.fault(whole(input), outcome),
    maxSteps: (length) => BASE_STEPS + 60 * length,
  };
}

export const TARGETS: readonly Target[] = [strictJson, compactJws, jwsHeader, jwsClaims];
