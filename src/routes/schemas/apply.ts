import { z } from 'zod';
import { ADMIN_ROUTE, problems } from './admin-route.ts';
import { changeList, named, PROPOSAL, proposal, widening, wish } from './change.ts';
import { answer, jsonSchema } from './json-schema.ts';

const applied = z
  .strictObject({
    dryRun: z.boolean(),
    set: z.string(),
    inForce: z.boolean(),
    added: z.array(named),
    changed: z.array(named),
    removed: z.array(named),
    unchanged: z.number().int(),
    left: z.array(named).meta({ description: 'In the set and not in the body; `prune=true` deletes them.' }),
    changes: changeList.meta({ description: 'What that changes among all resources that are in force.' }),
    widening,
    proposal: proposal.optional().meta({ description: 'Nothing has changed: it waits for a second person.' }),
  })
  .meta({ id: 'Applied', description: 'What was changed of the set, or would be.' });

const kind = 'Guardrail';
const document = { apiVersion: 'carnet.dev/v1alpha1', kind, metadata: { name: 'cap' }, spec: { maxTtl: '1h' } };
const added = [{ kind, name: 'cap' }];
const nothing = { changed: [], removed: [], newFaults: [], goneFaults: [] };
const example = {
  dryRun: false,
  set: 'platform',
  inForce: true,
  ...{ added, changed: [], removed: [], unchanged: 0, left: [] },
  changes: { added, ...nothing },
  widening: { widens: false, reasons: [], more: 0 },
};
const body = {
  schema: { ...jsonSchema(z.looseObject({}), 'input'), examples: [document] },
};

export const applySchema = {
  ...ADMIN_ROUTE,
  operationId: 'applySet',
  summary: 'Make a set of documents what the body says, all of it or nothing',
  querystring: jsonSchema(
    wish.extend({
      set: z.string().meta({ description: 'Name of the set, a DNS label. Only its documents are touched.' }),
      prune: z
        .enum(['true', 'false'])
        .optional()
        .meta({ description: 'Deletes the documents of the set that the body lacks.' }),
    }),
    'input',
  ),
  consumes: ['application/yaml', 'application/json'],
  body: { content: { 'application/yaml': body, 'application/json': body } },
  response: {
    200: answer({ description: 'Applied, or a dry run.', schema: applied, examples: { applied: { value: example } } }),
    202: answer({
      description: 'Under four eyes: proposed as a whole, and nothing has changed yet.',
      schema: applied,
      examples: { proposed: { value: { ...example, inForce: false, proposal: PROPOSAL } } },
    }),
    ...problems(
      'read_only',
      'method',
      'from_file',
      'of_another_set',
      'proposed_for_another_set',
      'precondition_failed',
      'too_large',
      'media_type',
      'invalid',
    ),
  },
};
