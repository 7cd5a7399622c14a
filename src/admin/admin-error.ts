import { OAuthError } from '../core/oauth-error.ts';
import type { Fault } from '../resources/document.ts';

interface Row {
  readonly status: number;
  /** Fixed text: what kind of problem it is. */
  readonly title: string;
  readonly mend?: string;
}

/** The closed table of everything that the admin API answers with beside success. `docs/admin-api.md` lists it row by row. */
export const PROBLEMS = {
  malformed: { status: 400, title: 'The request is malformed' },
  unauthenticated: {
    status: 401,
    title: 'No token that is accepted here came with the request',
    mend: 'send Authorization: Bearer with a JWT of the issuer and for the audience of admin.oidc',
  },
  forbidden: { status: 403, title: 'The roles of this identity do not allow this' },
  read_only: {
    status: 403,
    title: 'Through the API nothing may be widened',
    mend: 'change it in the files; what only narrows, as a stop does, is taken here',
  },
  not_entitled: { status: 403, title: 'This is not for this person to decide' },
  not_found: { status: 404, title: 'There is nothing of this name' },
  method: { status: 405, title: 'This path answers only the methods of its Allow header' },
  from_file: {
    status: 409,
    title: 'The document comes from a file',
    mend: 'change the file that source names; through the API it is read only',
  },
  of_another_set: {
    status: 409,
    title: 'A document of the store is not of this set',
    mend: 'apply it with its own set, or delete it first; a set changes nothing but its own documents',
  },
  proposed_for_another_set: {
    status: 409,
    title: 'The same change was proposed for another set',
    mend: 'confirm it with that set, or have who proposed it take it back',
  },
  not_open: { status: 409, title: 'The access request is no longer open' },
  owner_named: { status: 409, title: 'The first owner has been named already' },
  precondition_failed: {
    status: 412,
    title: 'The document is no longer the one that was read',
    mend: 'get it again, and send its ETag in If-Match; or apply again',
  },
  too_large: { status: 413, title: 'The request is too large', mend: 'send at most 64 KiB, 4 MiB to apply' },
  media_type: {
    status: 415,
    title: 'The body is of another type',
    mend: 'send one Content-Type, application/json or application/yaml, without Content-Encoding',
  },
  invalid: { status: 422, title: 'The document is not valid', mend: 'mend what faults lists' },
  precondition_required: {
    status: 428,
    title: 'The change does not say of which version',
    mend: 'get the document, and send its ETag in If-Match',
  },
  too_many: { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'Internal error' },
  unavailable: { status: 503, title: 'Something that this needs cannot be had right now' },
} as const satisfies Record<string, Row>;
export type ProblemKey = keyof typeof PROBLEMS;

interface Detail {
  /** What exactly is wrong, for the caller. Holds nothing that came with the request but names that were checked. */
  readonly detail?: string | undefined;
  /** The header, parameter or field that is meant. */
  readonly field?: string;
  /** Overrides that of the row. */
  readonly mend?: string | undefined;
  readonly faults?: readonly Fault[];
  readonly retryAfterSeconds?: number | undefined;
  readonly cause?: unknown;
}

/** The one error of a request to the admin API, thrown where the fact is known. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
  readonly key: ProblemKey;
  readonly status: number;
  readonly title: string;
  readonly detail: string | undefined;
  readonly field: string | undefined;
  readonly mend: string | undefined;
  readonly faults: readonly Fault[];
  readonly retryAfterSeconds: number | undefined;

  constructor(key: ProblemKey, { detail, field, mend, faults = [], retryAfterSeconds, cause }: Detail = {}) {
    const row: Row = PROBLEMS[key];
    super(detail ?? row.title, { cause });
    this.key = key;
    this.status = row.status;
    this.title = row.title;
    this.detail = detail;
    this.field = field;
    // That of `invalid` points to faults.
    this.mend = mend ?? (key === 'invalid' && faults.length === 0 ? undefined : row.mend);
    this.faults = faults;
    this.retryAfterSeconds = retryAfterSeconds ?? (this.status === 503 || this.status === 429 ? 5 : undefined);
  }

  /** Anything thrown, as an AdminError. What the service itself cannot do is never the caller's fault. */
  static from(thrown: unknown): AdminError {
    if (thrown instanceof AdminError) return thrown;
    if (!(thrown instanceof OAuthError)) return new AdminError('internal', { cause: thrown });
    if (thrown.key === 'content_type') return new AdminError('media_type', { cause: thrown });
    const { status, retryAfterSeconds, message: detail } = thrown;
    const key = BY_STATUS[status] ?? (status < 500 ? 'malformed' : 'internal');
    return new AdminError(key, { retryAfterSeconds, cause: thrown, detail });
  }
}

const BY_STATUS: Readonly<Record<number, ProblemKey>> = {
  404: 'not_found',
  405: 'method',
  413: 'too_large',
  429: 'too_many',
  503: 'unavailable',
};
