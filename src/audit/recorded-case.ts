import type { Grant } from '../core/decision.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import { identityAttributes } from './identity-attributes.ts';
import type { RecordedGrant, RecordedRequest } from './record.ts';

interface Facts {
  readonly traceId: string;
  /** Of the snapshot that decided. */
  readonly revision: string;
  /** The version of the policy code. */
  readonly decider: string;
  readonly identity: VerifiedIdentity;
  readonly request: RecordedRequest;
}

/** One request of a verified identity, as all of its records tell it: most of their bytes, put into JSON once for all. */
export class RecordedCase {
  readonly identity: VerifiedIdentity;
  readonly #facts: Facts;
  #json: string | undefined;
  #grant: Grant | undefined;
  #grantJson = '';

  constructor(facts: Facts) {
    this.identity = facts.identity;
    this.#facts = facts;
  }

  /** An object of the members from `traceId` to `request`. Throws what JSON.stringify throws. */
  json(): string {
    this.#json ??= this.#write();
    return this.#json;
  }

  grantJson(grant: Grant): string {
    if (grant !== this.#grant) {
      this.#grantJson = JSON.stringify(recordedGrant(grant));
      this.#grant = grant;
    }
    return this.#grantJson;
  }

  #write(): string {
    const { traceId, revision, decider, identity, request } = this.#facts;
    const members = {
      traceId,
      revision,
      decider,
      issuer: identity.issuer,
      identity: identityAttributes(identity),
      jtiSha256: identity.jtiSha256,
      request: { addresses: request.addresses, type: request.type, scope: request.scope, ttl: request.ttl },
    };
    // An empty indentation changes nothing, and spares V8 a short way that ends at the first text cut out of another.
    return JSON.stringify(members, undefined, '');
  }
}

function recordedGrant(grant: Grant): RecordedGrant {
  return {
    target: grant.targetId,
    ttl: grant.ttlSeconds,
    enforcedBy: grant.enforcedBy,
    kind: grant.kind,
    deliver: grant.deliver,
    session: grant.kind === 'aws' ? grant.sessionName : undefined,
    access: grant.access,
  };
}
