import type { FastifyRequest } from 'fastify';
import type { Actor } from '../../admin/actor.ts';
import { AdminError } from '../../admin/admin-error.ts';
import type { SignIn } from '../../admin/sign-in.ts';
import { Secret } from '../../core/secret.ts';
import { headerValues } from '../form.ts';
import { MAX_TOKEN_BYTES } from '../token-request.ts';

const BEARER = /^bearer +([\x21-\x2b\x2d-\x7e]+)$/i;

/** RFC 6750 section 2.1, the one place where a token of the admin API may stand. */
function bearer(rawHeaders: readonly string[]): Secret {
  const [value, second] = headerValues(rawHeaders, 'authorization');
  const token = BEARER.exec(value ?? '')?.[1];
  if (token === undefined || second !== undefined || token.length > MAX_TOKEN_BYTES) {
    throw new AdminError('unauthenticated', { field: 'Authorization' });
  }
  return new Secret(token);
}

export interface SignedIn {
  /** Before anything of a body is read. */
  readonly onRequest: (request: FastifyRequest) => Promise<void>;
  readonly actorOf: (request: FastifyRequest) => Actor;
}

/** Who asks, for the routes of one server. */
export function signedIn(signIn: SignIn): SignedIn {
  const actors = new WeakMap<FastifyRequest, Actor>();
  return {
    async onRequest(request) {
      actors.set(request, await signIn(bearer(request.raw.rawHeaders)));
    },
    actorOf(request) {
      const actor = actors.get(request);
      if (actor === undefined) throw new AdminError('unauthenticated');
      return actor;
    },
  };
}
