import { z } from 'zod';
import { parseSpiffeId } from '../core/spiffe-id.ts';
import { claimMatcher, namespaceMatcher, serviceAccountMatcher } from './matchers.ts';
import { labelSelector, name } from './names.ts';
import { exactlyOne, present, rule } from './rule.ts';

const SERVICE_ACCOUNT_FIELDS = ['namespace', 'serviceAccount'];

const shape = z.strictObject({
  issuer: name.meta({ description: 'Name of a TrustedIssuer.' }).optional(),
  issuerSelector: labelSelector.optional(),
  namespace: namespaceMatcher.optional(),
  serviceAccount: serviceAccountMatcher.optional(),
  claims: z
    .record(z.string().min(1).max(128), claimMatcher)
    .refine((claims) => Object.keys(claims).length > 0, 'must name at least one claim')
    .optional(),
  spiffeId: z
    .string()
    .refine((text) => parseSpiffeId(text) !== undefined, 'must be one exact SPIFFE ID with a path')
    .optional(),
  binding: z
    .enum(['pod', 'any'])
    .meta({ description: 'pod: only tokens that are bound to a pod. Default pod for cloud targets, else any.' })
    .optional(),
});

const withIssuer = exactlyOne(shape, ['issuer', 'issuerSelector']);
const withOneForm = rule(withIssuer, (subject) => formsOf(subject).length === 1, {
  message: 'must have exactly one of namespace and serviceAccount, claims, spiffeId',
});
const withBothNames = rule(withOneForm, (subject) => [0, 2].includes(present(subject, SERVICE_ACCOUNT_FIELDS).length), {
  message: 'must have namespace and serviceAccount together',
  hint: 'a lone * stands for every one',
});

/** Whom a mapping is for: identities of which issuers, and which of them. */
export const subject = rule(
  withBothNames,
  (subject) => subject['binding'] === undefined || present(subject, SERVICE_ACCOUNT_FIELDS).length > 0,
  { path: ['binding'], message: 'is only for a subject with namespace and serviceAccount' },
);

function formsOf(subject: Parameters<typeof present>[0]): readonly string[] {
  const serviceAccount = present(subject, SERVICE_ACCOUNT_FIELDS).length > 0 ? ['serviceAccount'] : [];
  return [...serviceAccount, ...present(subject, ['claims', 'spiffeId'])];
}
