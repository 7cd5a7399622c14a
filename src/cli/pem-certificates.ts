const CERTIFICATE = /-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----/g;

/** The certificates of a PEM text and nothing else of it: a private key beside them is neither printed nor copied. */
export function pemCertificates(text: string): readonly string[] {
  return text.replaceAll('\r', '').match(CERTIFICATE) ?? [];
}
