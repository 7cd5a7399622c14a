import { z } from 'zod';

/** A DNS label (RFC 1123): the name of a resource. */
export const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be a DNS label: a-z, 0-9 and -, at most 63 characters')
  .meta({ description: 'A DNS label, unique per kind.' });

const labelKey = z.string().min(1).max(63);
const labelValue = z.string().max(63);

/** Labels of a resource. */
export const labels = z
  .record(labelKey, labelValue)
  .meta({ description: 'Labels, by which selectors and guardrails find a resource.' });

/** Labels that a selector asks for: exact values and at least one, so that no selector means everybody. */
export const labelSelector = z
  .record(
    labelKey,
    labelValue.refine((value) => value !== '*', 'must be an exact value: a selector knows no *'),
  )
  .refine((selector) => Object.keys(selector).length > 0, 'must name at least one label')
  .meta({ description: 'Labels that must all be there with exactly these values.' });
