import { z } from 'zod';

/** A DNS label (RFC 1123): the name of a resource. */
export const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be a DNS label: a-z, 0-9 and -, at most 63');

/** Labels of a resource. */
export const labels = z.record(z.string().min(1).max(63), z.string().max(63));
