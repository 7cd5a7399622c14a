import { z } from 'zod';
import { lengthPrefixedHash } from '../core/length-prefixed-hash.ts';
import type { FederationMappingSpec } from './federation-mapping.ts';
import { name } from './names.ts';

const text = z.string().min(1).max(1024);
const subjectName = z.string().min(1).max(4096);
const milliseconds = z.number().int().min(0);

/** Somebody of the admin API. */
const person = z.strictObject({ issuer: text, subject: subjectName, email: text.optional() });

/** Whom access is for: all tokens that a TrustedIssuer gave this `sub`. */
const beneficiary = z.strictObject({ issuer: name, subject: subjectName });

/** What is asked: the part of an AccessRequest that does not change while people decide on it. */
export const accessRequestSpec = z.strictObject({
  mapping: z.string().min(1).max(127),
  identity: beneficiary.meta({ description: 'Name of the TrustedIssuer, and `sub` of the tokens.' }),
  reason: text.optional(),
  durationSeconds: z.number().int().min(1).max(86_400),
});
export type AccessRequestSpec = z.infer<typeof accessRequestSpec>;

export const ACCESS_STATES = ['asked', 'approved', 'denied', 'withdrawn', 'expired'] as const;
export type AccessState = (typeof ACCESS_STATES)[number];

/** An AccessRequest as it stands in the store; instants in milliseconds. */
export const accessRequest = accessRequestSpec.extend({
  state: z.enum(ACCESS_STATES),
  /** Of the mapping's spec: another one makes another request, and nothing that was approved is approved for that. */
  mappingVersion: text,
  askedAt: milliseconds,
  /** Absent: the workload itself, by an exchange. */
  askedBy: person.optional(),
  /** How many people have to approve, as the mapping said when it was asked. */
  needed: z.number().int().min(1),
  approvals: z.array(z.strictObject({ by: person, at: milliseconds, why: text.optional() })),
  /** Opened by one member of the mapping's break-glass group. */
  breakGlass: z.literal(true).optional(),
  /** Present once approved: access from the one until the other. */
  from: milliseconds.optional(),
  notAfter: milliseconds.optional(),
  /** How many credentials it is good for, and was used for. */
  maxUses: z.number().int().min(1).optional(),
  uses: z.number().int().min(0),
  /** When it was denied, withdrawn, used for the last time or found to have ended, and what was said. */
  endedAt: milliseconds.optional(),
  why: text.optional(),
});
export type AccessRequest = z.infer<typeof accessRequest>;
export type Person = z.infer<typeof person>;
export type Beneficiary = z.infer<typeof beneficiary>;

/** An undecided request is forgotten after a day. */
const ASKED_FOR_MS = 24 * 3600 * 1000;
/** How long the workload's own repetitions do not ask again after a no. */
const NO_FOR_MS = 3600 * 1000;
/** As long as a credential of the last use may be on its way: until then nothing takes the place of the access. */
const LAST_USE_FOR_MS = 30_000;

/**
 * How long an ended request is there to be looked at; its acts stay in the audit log. With the thousand that may be undecided at
 * once, for a day each, workloads alone leave 8,000 at most.
 */
const KEPT_FOR_MS = 7 * 24 * 3600 * 1000;

/** Of all that a mapping says: approvals are for this, and for nothing that it says later. */
export function mappingVersionOf(spec: FederationMappingSpec): string {
  return lengthPrefixedHash(JSON.stringify(spec));
}

/** One name for one question: however often it is asked there is one request. */
export function accessRequestName(mapping: string, mappingVersion: string, { issuer, subject }: Beneficiary): string {
  const hash = Buffer.from(lengthPrefixedHash(mapping, mappingVersion, issuer, subject), 'base64url');
  return `ar-${hash.toString('hex').slice(0, 32)}`;
}

/** The state that counts at a moment: what nobody decided in time, and access whose time or uses are over, has expired. */
export function accessStateAt(request: AccessRequest, now: number): AccessState {
  const { state, askedAt, notAfter = 0, maxUses = Number.POSITIVE_INFINITY, uses } = request;
  if (state === 'asked' && now >= askedAt + ASKED_FOR_MS) return 'expired';
  if (state === 'approved' && (now >= notAfter || uses >= maxUses)) return 'expired';
  return state;
}

/** Whether it has been over for so long that nobody misses it. */
export function isForgotten(request: AccessRequest, now: number): boolean {
  const { askedAt, notAfter = 0, endedAt = 0 } = request;
  const isOpen = ['asked', 'approved'].includes(accessStateAt(request, now));
  return !isOpen && now >= Math.max(askedAt + ASKED_FOR_MS, notAfter, endedAt) + KEPT_FOR_MS;
}

/** Whether a workload that still asks may open the request anew: after a no only once that has been left to stand. */
export function mayBeAskedAgain(request: AccessRequest, now: number): boolean {
  const state = accessStateAt(request, now);
  const since = now - (request.endedAt ?? 0);
  if (state === 'expired') return request.state !== 'approved' || since >= LAST_USE_FOR_MS;
  return (state === 'denied' || state === 'withdrawn') && since >= NO_FOR_MS;
}
