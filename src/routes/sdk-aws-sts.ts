import type { FastifyInstance } from 'fastify';
import type { Credential } from '../core/credential.ts';
import { stsError } from './aws-error.ts';
import { sessionKeys } from './aws-session-keys.ts';
import { element, members, STS_NAMESPACE } from './aws-xml.ts';
import type { DoorDeps } from './door-deps.ts';
import { formRoute } from './form-route.ts';
import { STS_PARAMETERS, stsRequest } from './sts-request.ts';

/** AssumeRoleWithWebIdentityResponse: AWS's own answer, with the trace of this request as its id. */
function stsAnswer({ accessToken, roleSession, packedPolicyPercent }: Credential, traceId: string): string {
  const { AccountId: _, ...keys } = sessionKeys(accessToken);
  const assumed = roleSession && { Arn: roleSession.assumedRoleArn, AssumedRoleId: roleSession.assumedRoleId };
  const result = {
    SubjectFromWebIdentityToken: roleSession?.subject,
    Audience: roleSession?.audience,
    AssumedRoleUser: assumed,
    Credentials: { ...keys },
    Provider: roleSession?.provider,
    PackedPolicySize: packedPolicyPercent,
    SourceIdentity: roleSession?.sourceIdentity,
  };
  const content = members({ AssumeRoleWithWebIdentityResult: result, ResponseMetadata: { RequestId: traceId } });
  return element('AssumeRoleWithWebIdentityResponse', content, STS_NAMESPACE);
}

/** `POST /sdk/aws`: what `AWS_ENDPOINT_URL_STS` points at. JavaScript posts with a slash at the end, Python without. */
export function sdkAwsStsRoute(server: FastifyInstance, deps: DoorDeps, base: string): void {
  const path = `${base}/sdk/aws`;
  formRoute(server, deps, {
    door: 'sdk-aws-sts',
    paths: [path, `${path}/`],
    operationId: 'assumeRoleWithWebIdentity',
    recognised: STS_PARAMETERS,
    errorBody: stsError,
    read: stsRequest,
    render: stsAnswer,
  });
}
