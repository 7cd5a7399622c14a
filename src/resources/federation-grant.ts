import { z } from 'zod';
import { duration } from './duration.ts';
import { labelSelector } from './names.ts';
import { present, rule } from './rule.ts';

const MAX_ENTRIES = 256;
/** What a list says that means every one. */
export const EVERY = '*';

const hint = `a lone ${EVERY} stands for every one, and stands alone`;

/** Distinct texts of one form, or the lone `*`: written out, never meant by accident. */
function listOf(text: z.ZodString, description: string) {
  return z
    .array(z.union([z.literal(EVERY), text]))
    .min(1)
    .max(MAX_ENTRIES)
    .refine((entries) => entries.length === 1 || !entries.includes(EVERY), { message: hint })
    .meta({ description })
    .optional();
}

const exact = z.string().max(1024);
const account = exact.regex(/^\d{12}$/, 'must be the 12 digits of an AWS account');
const role = exact.regex(
  /^arn:(aws|aws-cn|aws-us-gov):iam::\d{12}:role\/[\w+=,.@/-]*\*?$/,
  'must be the ARN of a role, or its beginning down to role/ and one * at its end',
);
const project = exact.regex(
  /^[a-z0-9][a-z0-9.-]{0,252}$/,
  'must be the number or the id of a project, as in the email of a service account',
);
const serviceAccount = exact.regex(
  /^[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com$/,
  'must be the email of a service account',
);
const uuid = exact.regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'must be a UUID');
const audience = exact.regex(/^[^*]+\*?$/, 'must be an audience, or its beginning and one * at its end');
const spiffePath = exact.regex(
  /^\/[a-zA-Z0-9._/-]*(?:(?<!\/)|(?<=\/)\*)$/,
  'must be a path as /ns/payments/sa/reporter, or its beginning down to a / and one * at its end',
);
const origin = exact.refine(
  (text) => URL.parse(text)?.origin === text,
  'must be an origin, as https://idp.example.org',
);

const FROM = ['authors', 'issuerLabels', 'namespaces'];
const TO = [
  'accounts',
  'roles',
  'projects',
  'serviceAccounts',
  'tenants',
  'clients',
  'audiences',
  'spiffePaths',
  'origins',
];

const from = rule(
  z.strictObject({
    authors: z
      .array(z.string().regex(/^(file:[^*]+\*?|(?!file:)[^*]+)$/, 'must be a name, or file: and a path'))
      .min(1)
      .max(MAX_ENTRIES)
      .meta({
        description:
          'Subjects, or values of admin.oidc.roles; file: and a path, which may end in *, for documents from files.',
      })
      .optional(),
    issuerLabels: labelSelector.optional(),
    namespaces: z
      .array(z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be the name of a namespace'))
      .min(1)
      .max(MAX_ENTRIES)
      .meta({ description: 'The subject names one of these; one of claims or of every namespace is not covered.' })
      .optional(),
  }),
  (value) => present(value, FROM).length > 0,
  { message: 'must say something', hint: `one of ${FROM.join(', ')}; leave from out for everybody` },
);

const to = rule(
  z.strictObject({
    accounts: listOf(account, 'AWS accounts of every role that the mapping names.'),
    roles: listOf(role, 'Every role that the mapping names.'),
    projects: listOf(project, "Google's: number in the provider, and id in the email of every service account."),
    serviceAccounts: listOf(serviceAccount, 'Every service account that the mapping names.'),
    tenants: listOf(uuid, 'Of Entra.'),
    clients: listOf(uuid, 'Of Entra: applications and managed identities.'),
    audiences: listOf(audience, 'Every audience of SVIDs that the mapping names.'),
    spiffePaths: listOf(spiffePath, 'The path of every SPIFFE ID that the mapping may be issued for.'),
    origins: listOf(origin, 'Of OAuth servers.'),
  }),
  (value) => present(value, TO).length > 0,
  { message: 'must name a target', hint: `one of ${TO.join(', ')}` },
);

/** `spec` of a FederationGrant: who may map whom to which targets (DESIGN section 5). */
export const federationGrantSpec = z.strictObject({
  from: from.meta({ description: 'Who may map whom; absent is everybody.' }).optional(),
  to,
  maxTtl: duration.optional(),
});
export type FederationGrantSpec = z.infer<typeof federationGrantSpec>;
