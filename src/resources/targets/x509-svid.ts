import { z } from 'zod';

/** An X.509-SVID that Carnet signs. Loads, not built yet. */
export const x509SvidTarget = z.strictObject({ dnsNames: z.array(z.string().min(1).max(253)).max(16).optional() });
export type X509SvidTarget = z.infer<typeof x509SvidTarget>;
