import type { Issuance } from '../../core/credential.ts';
import type { AwsGrant } from '../../core/decision.ts';
import type { JsonObject } from '../../core/json.ts';
import { AWS_AUDIENCE } from '../../resources/targets/aws.ts';
import { assertionClaims } from '../cloud-assertion.ts';

/** What AWS will see, beside the claims that every cloud sees (DESIGN section 8; clouds.md 1.1). */
export function awsAssertion(grant: AwsGrant, issuance: Issuance): JsonObject {
  return {
    ...assertionClaims(grant, AWS_AUDIENCE, issuance),
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
