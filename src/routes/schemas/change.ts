import { z } from 'zod';
import { KINDS } from '../../resources/document.ts';
import { fault } from './admin-route.ts';

const text = z.string();

export const proposal = z
  .strictObject({
    id: text.meta({ description: 'SHA-256 of the content and the versions that it is for.' }),
    by: z
      .strictObject({ issuer: text, subject: text, email: text.optional() })
      .meta({ description: 'The first person.' }),
    at: text,
    until: text.meta({ description: 'From then on it is gone.' }),
    resources: z.array(z.strictObject({ kind: text, name: text, version: z.number().int(), set: text.optional() })),
    reasons: z.array(text),
  })
  .meta({
    id: 'Proposal',
    description: 'A widening change that somebody else than the first person puts in force, by the same request.',
  });
export const named = z.strictObject({ kind: z.enum(KINDS), name: text });
export const changeList = z.strictObject({
  added: z.array(named),
  removed: z.array(named),
  changed: z.array(named),
  newFaults: z.array(fault),
  goneFaults: z.array(fault),
});
export const widening = z
  .strictObject({
    widens: z.boolean(),
    reasons: z.array(z.strictObject({ kind: z.enum(KINDS), name: text, field: text, why: text })),
    more: z.number().int().meta({ description: 'Reasons that are not listed.' }),
  })
  .meta({ description: 'Whether anybody may get more. What is not provably narrower counts as widening.' });
export const change = z
  .strictObject({
    dryRun: z.boolean(),
    inForce: z
      .boolean()
      .meta({ description: 'False after a dry run, and while this replica could not load the change.' }),
    durable: z.enum(['store', 'replica']).optional().meta({
      description: 'Of an emergency stop: kept by the store, or until that is back by this replica and those it tells.',
    }),
    otherName: z.string().optional().meta({
      description:
        'Of a stop that the store does not have yet: its name if the store has another one of that name then.',
    }),
    changes: changeList,
    widening,
    proposal: proposal.optional().meta({ description: 'Nothing has changed: it waits for a second person.' }),
    replay: z
      .looseObject({})
      .optional()
      .meta({ description: 'Where the query has replay: as POST /admin/v1/replay answers.' }),
  })
  .meta({ id: 'Change', description: 'What the change changes among all resources that are in force.' });
export const wish = z.object({
  dryRun: z.enum(['true', 'false']).optional().meta({ description: 'Tells what would change, and changes nothing.' }),
  replay: text.optional().meta({
    description: 'With dryRun: a duration, such as 7d; what the change would have done to the requests of that time.',
  }),
  why: text.optional().meta({ description: 'In your own words, 1 to 256 printable characters; recorded and kept.' }),
});

export const PROPOSAL = {
  id: '3f1b0c8e5a7d92464c1e0b7a95d3f8620e6a4b1c7d9f23588a0c5e7b1d4f6932',
  by: { issuer: 'https://idp.example.org', subject: '248289761001' },
  at: '2026-11-27T09:00:00.000Z',
  until: '2026-11-28T09:00:00.000Z',
  resources: [{ kind: 'FederationMapping', name: 'example', version: 0 }],
  reasons: ['FederationMapping example comes into force'],
};
