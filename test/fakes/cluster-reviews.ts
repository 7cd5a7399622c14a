import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import type { TokenAuthenticator } from './cluster-authentication.ts';
import type { Answer } from './cluster-server.ts';
import { ApiRefusal, json } from './cluster-status.ts';

export const REVIEW_PATH = '/apis/authentication.k8s.io/v1/tokenreviews';

/** TokenReview as an API server answers it (F5). Throws ApiRefusal 400 when there is nothing to review. */
export async function reviewAnswer(body: JsonObject, authenticator: TokenAuthenticator): Promise<Answer> {
  const { apiVersion, kind, spec } = body;
  if (apiVersion !== 'authentication.k8s.io/v1' || kind !== 'TokenReview' || !isJsonObject(spec)) {
    throw new ApiRefusal(400, 'the object provided is unrecognized');
  }
  const { token, audiences } = spec;
  if (typeof token !== 'string' || token === '') {
    throw new ApiRefusal(400, 'token is required for TokenReview in authentication');
  }
  const status = await authenticator.authenticate(token, textsOf(audiences)).then(
    (result) => ({ authenticated: true, ...result }),
    // `authenticated` is left out when it is false, as Go's JSON does.
    (error: Error) => ({ user: {}, error: `[invalid bearer token, ${error.message}]` }),
  );
  return json({ apiVersion, kind, metadata: {}, spec, status }, { status: 201 });
}

/** Undefined when there is none, as when it is empty: a server then takes its own. */
export function textsOf(value: unknown): readonly string[] | undefined {
  const texts = Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
  return texts.length === 0 ? undefined : texts;
}
