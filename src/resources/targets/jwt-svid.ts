import { z } from 'zod';

/** A JWT-SVID that Carnet signs, for one of these audiences. */
export const jwtSvidTarget = z.strictObject({ audiences: z.array(z.string().min(1).max(1024)).min(1).max(64) });
export type JwtSvidTarget = z.infer<typeof jwtSvidTarget>;
