import { z } from 'zod';

/** A JWT-SVID that Carnet signs, for one of these audiences. */
export const jwtSvidTarget = z.strictObject({
  audiences: z
    .array(z.string().min(1).max(1024))
    .min(1)
    .max(64)
    .refine((audiences) => new Set(audiences).size === audiences.length, 'names an audience twice'),
});
export type JwtSvidTarget = z.infer<typeof jwtSvidTarget>;

/** Carnet's own limits: SVIDs are short, and none outlives a day. */
export const SVID_TTL = { minSeconds: 1, maxSeconds: 86_400, defaultSeconds: 300, defaultMaxSeconds: 3600 } as const;

/** The audience that an address of the mapping means: itself, or the only one. */
export function audienceOf(target: JwtSvidTarget, address: string): string | undefined {
  if (target.audiences.includes(address)) return address;
  return target.audiences.length === 1 ? target.audiences[0] : undefined;
}
