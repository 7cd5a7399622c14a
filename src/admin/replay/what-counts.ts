import type { VerifiedIdentity } from '../../core/identity.ts';
import type { Document } from '../../resources/document.ts';

/** Which parts of a question may change an answer beyond those that always may: what else differs, is the same question. */
export interface WhatCounts {
  /** A condition may look at the clock. */
  readonly everyInstant: boolean;
  /** A condition or a template may look at the pod, the node or the uid. */
  readonly everyPod: boolean;
  /** Milliseconds, ascending: moments that documents name, at which an answer may change. */
  readonly instants: readonly number[];
}

const CLOCK = /\brequest\b(?!\s*\.\s*(?:ttl|scope)\b)/;
const POD =
  /\bidentity\b(?!\s*\.\s*(?:issuer|kind|cluster|namespace|serviceAccount|spiffeId|claims|liveness)\b)|\{pod\}/;
const INSTANT = /\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})/g;

/**
 * What counts under these documents. Errs towards more: of a document that cannot be read, and that an older version may
 * stand in for, everything counts.
 */
export function whatCounts(documents: readonly Document[]): WhatCounts {
  const instants = new Set<number>();
  let everyInstant = false;
  let everyPod = false;
  for (const document of documents) {
    if (document.kind === 'TrustedIssuer') continue;
    const text = document.valid ? JSON.stringify(document.spec) : undefined;
    everyInstant ||= text === undefined || document.kind === 'AccessRequest' || CLOCK.test(text);
    everyPod ||= text === undefined || POD.test(text);
    for (const [instant] of text?.matchAll(INSTANT) ?? []) instants.add(Date.parse(instant));
  }
  return { everyInstant, everyPod, instants: [...instants].sort((a, b) => a - b) };
}

/** The same text for identities, at moments, that no answer can tell apart; times of the token aside. */
export function questionKey(identity: VerifiedIdentity, at: number, counts: WhatCounts): string {
  const { issuedAt: _, expiresAt: __, jtiSha256: ___, ...rest } = identity;
  const moment = counts.everyInstant ? at : passed(counts.instants, at);
  if (rest.kind === 'oidc' || counts.everyPod) return JSON.stringify([moment, rest]);
  const { pod, node: ____, serviceAccountUid: _____, ...workload } = rest;
  return JSON.stringify([moment, workload, pod !== undefined]);
}

/** How many of ascending moments are at or before one. */
function passed(instants: readonly number[], at: number): number {
  let low = 0;
  let high = instants.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((instants[middle] ?? at) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
