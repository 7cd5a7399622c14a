import { z } from 'zod';
import { duration, durationSeconds } from './duration.ts';

const MAX_DURATION = '24h';

const who = z.string().min(1).max(320);

const bounded = duration.refine(
  (text) => !/^[1-9][0-9]{0,7}[smhd]$/.test(text) || durationSeconds(text) <= durationSeconds(MAX_DURATION),
  `must be at most ${MAX_DURATION}`,
);

/** `access.justInTime` of a mapping: nobody is given anything before distinct people have approved it for a while. */
export const justInTime = z
  .strictObject({
    approvals: z.number().int().min(1).max(5).meta({ description: 'How many people have to approve.' }),
    approvers: z
      .array(who)
      .min(1)
      .max(64)
      .refine((list) => new Set(list).size === list.length, 'must not name anybody twice')
      .meta({ description: 'Who may approve: `sub` of a person, or `value` of an entry of admin.oidc.roles.' }),
    maxDuration: bounded.meta({ description: 'How long access lasts at most, up to 24h.', examples: ['1h'] }),
    maxUses: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .optional()
      .meta({ description: 'How many credentials it is good for.' }),
    reason: z
      .enum(['required', 'optional'])
      .default('required')
      .meta({ description: 'Whether whoever asks and whoever approves has to say why.' }),
    breakGlass: z
      .strictObject({ group: who.meta({ description: '`value` of an entry of admin.oidc.roles.' }) })
      .optional()
      .meta({ description: 'Who may open access alone, for an hour at most.' }),
  })
  .meta({ description: 'Access that somebody asks for and others approve.' });
export type JustInTime = z.infer<typeof justInTime>;
