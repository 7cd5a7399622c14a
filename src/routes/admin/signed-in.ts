import type { FastifyRequest } from 'fastify';
import type { Actor } from '../../admin/actor.ts';
import { AdminError } from '../../admin/admin-error.ts';
import type { AdminJournal } from '../../admin/admin-journal.ts';
import type { SignIn } from '../../admin/sign-in.ts';
import { Secret } from '../../core/secret.ts';
import { headerValues } from '../form.ts';
import { MAX_TOKEN_BYTES } from '../token-request.ts';

const BEARER = /^bearer +([\x21-\x2b\x2d-\x7e]+)$/i;

/** RFC 6750 section 2.1, the one place where a token of the admin API may stand. */
function bearer(rawHeaders: readonly string[]): Secret | undefined {
  const [value, second] = headerValues(rawHeaders, 'authorization');
  const token = BEARER.exec(value ?? '')?.[1];
  if (token === undefined || second !== undefined || token.length > MAX_TOKEN_BYTES) return undefined;
  return new Secret(token);
}

export interface SignedIn {
  /** Before anything of a body is read. */
  readonly onRequest: (request: FastifyRequest) => Promise<void>;
  readonly actorOf: (request: FastifyRequest) => Actor;
  /** To be told of what was refused of requests that would change something. */
  readonly onRefused: (error: AdminError, request: FastifyRequest) => void;
  /** To be told of methods that a path has not. */
  readonly onOtherMethod: () => void;
}

/** What is refused leaves its trace. */
export type RefusalJournal = Pick<AdminJournal, 'unread' | 'otherMethod' | 'notSignedIn'>;

const DRY_RUN = /[?&]dryRun=true(&|$)/;

/** Who asks, for the routes of one server. */
export function signedIn(signIn: SignIn, journal: RefusalJournal): SignedIn {
  const actors = new WeakMap<FastifyRequest, Actor>();
  return {
    async onRequest(request) {
      const token = bearer(request.raw.rawHeaders);
      if (token === undefined) {
        journal.notSignedIn('token_missing');
        throw new AdminError('unauthenticated', { field: 'Authorization' });
      }
      actors.set(request, await signIn(token));
    },
    actorOf(request) {
      const actor = actors.get(request);
      if (actor === undefined) throw new AdminError('unauthenticated');
      return actor;
    },
    onRefused(error, request) {
      const actor = actors.get(request);
      const isDry = DRY_RUN.test(request.raw.url ?? '');
      if (actor !== undefined && error.status < 500 && !isDry) journal.unread(actor, request.id, error);
    },
    onOtherMethod: () => journal.otherMethod(),
  };
}
