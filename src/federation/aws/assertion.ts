import type { Issuance } from '../../core/credential.ts';
import type { AwsGrant } from '../../core/decision.ts';
import type { JsonObject } from '../../core/json.ts';

export const AWS_AUDIENCE = 'sts.amazonaws.com';
const CALL_SECONDS = 300;
const DELIVERED_SECONDS = 60;

/** `sub` of every assertion for clouds (DESIGN section 8, frozen). */
export function awsSubject(grant: AwsGrant): string {
  return `mapping:${grant.mapping}`;
}

/**
 * The claims that AWS will see, without `iss`, which the authority adds (DESIGN section 8; clouds.md 1.1). Frozen: trust
 * policies are written against them. Times are whole seconds; an assertion that the workload gets ends after 60 s.
 */
export function awsAssertion(grant: AwsGrant, issuance: Issuance): JsonObject {
  const lifetime = grant.deliver === 'assertion' ? Math.min(DELIVERED_SECONDS, grant.ttlSeconds) : CALL_SECONDS;
  return {
    sub: awsSubject(grant),
    aud: AWS_AUDIENCE,
    iat: issuance.issuedAt,
    nbf: issuance.issuedAt,
    exp: issuance.issuedAt + lifetime,
    jti: issuance.id,
    ...tagClaims(grant),
    'https://aws.amazon.com/source_identity': grant.sessionName,
    'https://aws.amazon.com/roles': [grant.roleArn],
  };
}

function tagClaims({ tags, transitiveTagKeys }: AwsGrant): JsonObject {
  const entries = Object.entries(tags);
  if (entries.length === 0) return {};
  // AWS refuses a value that is not an array of one.
  const principalTags = Object.fromEntries(entries.map(([key, value]) => [key, [value]]));
  return {
    'https://aws.amazon.com/tags': {
      principal_tags: principalTags,
      ...(transitiveTagKeys.length === 0 ? {} : { transitive_tag_keys: [...transitiveTagKeys] }),
    },
  };
}
