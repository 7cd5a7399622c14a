import { z } from 'zod';

const NAMESPACE = /^(\*|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)$/;
const SERVICE_ACCOUNT = /^(\*|(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*)$/;

/** A Kubernetes namespace, exact or a lone `*`. There are no patterns: what contains `*` beside other text is refused. */
export const namespaceMatcher = z
  .string()
  .regex(NAMESPACE, 'must be the name of a namespace or a lone *')
  .meta({ description: 'Name of a namespace, or * for every one.' });

/** A Kubernetes ServiceAccount, exact or a lone `*`. */
export const serviceAccountMatcher = z
  .string()
  .regex(SERVICE_ACCOUNT, 'must be the name of a ServiceAccount or a lone *')
  .meta({ description: 'Name of a ServiceAccount, or * for every one.' });

/** The value of a claim, exact or a lone `*` (present with any text). */
export const claimMatcher = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^(\*|[^*]*)$/, 'must be an exact value or a lone *')
  .meta({ description: 'The exact value of the claim, or * for any.' });
