import { expect, test } from 'vitest';
import { pemCertificates } from '../../src/cli/pem-certificates.ts';
import { loopbackCertificate } from '../support/certificate-authority.ts';

test('every certificate of a file is taken, and a private key beside them is left out', async () => {
  const [one, other] = await Promise.all([loopbackCertificate('one'), loopbackCertificate('other')]);
  const taken = pemCertificates(`${one.ca}\r\n${one.key}\n${other.ca}\n`);
  expect(taken.map((pem) => pem.trim())).toEqual([one.ca.trim(), other.ca.trim()]);
  expect(taken.join('')).not.toContain('PRIVATE KEY');
});

test('a file without a certificate gives none', async () => {
  const { key } = await loopbackCertificate('one');
  expect(pemCertificates(key)).toEqual([]);
});
