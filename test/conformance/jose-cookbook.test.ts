import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { readKeySet } from '../../src/verifiers/key-set.ts';
import { verdict } from './accept-path.ts';
import { describeCorpus } from './corpora.ts';

interface Example {
  readonly input: { readonly key: JsonObject | readonly JsonObject[]; readonly alg: string | readonly string[] };
  readonly output: { readonly compact?: string; readonly json?: JsonObject; readonly json_flat?: JsonObject };
}

const NEVER = 'header: alg is missing or never accepted';
const NOT_COMPACT = 'not three segments';

/** File of the cookbook, and what becomes of its compact form beside the public half of its key. */
const SIGNATURES: Readonly<Record<string, string | undefined>> = {
  'jws/4_1.rsa_v15_signature.json': 'accepted',
  'jws/4_2.rsa-pss_signature.json': 'accepted',
  'jws/4_3.ecdsa_signature.json': 'accepted',
  'jws/4_4.hmac-sha2_integrity_protection.json': NEVER,
  'jws/4_5.signature_with_detached_content.json': 'a segment is empty or not base64url',
  'jws/4_6.protecting_specific_header_fields.json': undefined,
  'jws/4_7.protecting_content_only.json': undefined,
  'jws/4_8.multiple_signatures.json': undefined,
};
const UNENCODED: Readonly<Record<string, string | undefined>> = {
  'rfc7797/4.2.hmac-sha2_b64_false.json': undefined,
  'rfc7797/hmac-sha2_b64_false.json': 'a segment is empty or not base64url',
};

/** As an issuer would publish it: bound to the algorithm, without the private members. */
function published({ key, alg }: Example['input']): JsonObject {
  const keys = Array.isArray(key) ? key : [key as JsonObject];
  const algorithms = Array.isArray(alg) ? alg : [alg as string];
  return {
    keys: keys.map(({ d, p, q, dp, dq, qi, ...rest }, index) => ({ ...rest, alg: algorithms[index] ?? '' })),
  };
}

describeCorpus('RFC 7520 cookbook and RFC 7797', (read) => {
  const example = (file: string) => read<Example>(`jose-cookbook/${file}`);

  test('are read whole: every file of signatures has its row', () => {
    const folder = process.env['CARNET_CORPORA'] ?? '';
    const files = ['jws', 'rfc7797'].flatMap((part) =>
      readdirSync(`${folder}/jose-cookbook/${part}`).map((file) => `${part}/${file}`),
    );
    expect(files.sort()).toEqual([...Object.keys(SIGNATURES), ...Object.keys(UNENCODED)].sort());
  });

  test.each(Object.entries({ ...SIGNATURES, ...UNENCODED }))(
    '%s in compact form: %s (V1, V2, V5)',
    async (file, expected) => {
      const { input, output } = example(file);
      expect(output.compact === undefined).toBe(expected === undefined);
      if (output.compact !== undefined) expect(await verdict(output.compact, published(input))).toBe(expected);
    },
  );

  test.each(Object.keys({ ...SIGNATURES, ...UNENCODED }))('%s in JSON forms is refused (V1)', async (file) => {
    const { input, output } = example(file);
    const forms = [output.json, output.json_flat].filter((form) => form !== undefined);
    expect(forms.length).toBeGreaterThan(0);
    for (const form of forms) {
      const refused = await verdict(JSON.stringify(form), published(input));
      expect([NOT_COMPACT, 'a segment is empty or not base64url']).toContain(refused);
    }
  });

  test('b64=false is refused by its header too, beside claims that are in order (V5, RFC 7797)', async () => {
    const { input } = example('rfc7797/hmac-sha2_b64_false.json');
    const encode = (header: object) => Buffer.from(JSON.stringify(header)).toString('base64url');
    const key = published(input);
    expect(await verdict(`${encode({ alg: 'ES256', b64: false, crit: ['b64'], kid: 'k' })}.e30.c2ln`, key)).toBe(
      'header: crit is not accepted',
    );
    expect(await verdict(`${encode({ alg: 'ES256', b64: false, kid: 'k' })}.e30.c2ln`, key)).toBe(
      'header: b64 is not accepted',
    );
  });

  test('of keys: two public ones are read, four private or symmetric ones refuse their set (V11)', () => {
    const set = (file: string) => () => readKeySet({ keys: [read<JsonObject>(`jose-cookbook/jwk/${file}.json`)] });
    expect(set('3_1.ec_public_key')().byKid.size).toBe(1);
    expect(set('3_3.rsa_public_key')().byKid.size).toBe(1);
    for (const file of [
      '3_2.ec_private_key',
      '3_4.rsa_private_key',
      '3_5.symmetric_key_mac_computation',
      '3_6.symmetric_key_encryption',
    ]) {
      expect(set(file), file).toThrow('a key has private members');
    }
  });
});
