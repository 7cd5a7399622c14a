import { z } from 'zod';

/** `spec` of an AccessRequest: just-in-time access asked for. Loads, not built yet, and may still change. */
export const accessRequestSpec = z.looseObject({ mapping: z.string().min(1), reason: z.string().min(1) });
export type AccessRequestSpec = z.infer<typeof accessRequestSpec>;
