import * as sdk from '@aws-sdk/client-sts';
import {
  AssumedRoleUser$,
  AssumeRole$,
  AssumeRoleCommand,
  AssumeRoleRequest$,
  AssumeRoleResponse$,
  AssumeRoleWithWebIdentity$,
  AssumeRoleWithWebIdentityCommand,
  AssumeRoleWithWebIdentityRequest$,
  AssumeRoleWithWebIdentityResponse$,
  Credentials$,
  STSClient,
} from '@aws-sdk/client-sts';
import { describe, expect, test } from 'vitest';
import { answerXml, COMMON_CODES, errorXml, STS_CODES, type StsAnswer, type StsCode } from '../fakes/aws-sts-wire.ts';

/** A structure of the SDK's model: kind, namespace, name, traits, member names, member types. */
type Structure = readonly [number, string, string, unknown, readonly string[], readonly unknown[], ...unknown[]];

const answer: Required<StsAnswer> = {
  SubjectFromWebIdentityToken: 'mapping:a',
  Audience: 'sts.amazonaws.com',
  AssumedRoleUser: { Arn: 'arn:aws:sts::123456789012:assumed-role/R/<&>"\'', AssumedRoleId: 'AROA:n' },
  Credentials: {
    AccessKeyId: 'ASIA',
    SecretAccessKey: 'a/b+c=',
    SessionToken: 'token',
    Expiration: '2026-11-22T09:30:00Z',
  },
  Provider: 'arn:aws:iam::123456789012:oidc-provider/carnet.test',
  PackedPolicySize: 24,
  SourceIdentity: 'name',
};

const { SubjectFromWebIdentityToken: _s, Audience: _a, Provider: _p, ...chained } = answer;

function membersOf(structure: unknown): readonly string[] {
  return (structure as Structure)[4];
}

/** Wire code and HTTP status of every error in the SDK's model. */
function modelledErrors(): Map<string, number> {
  const exported: readonly unknown[] = Object.values(sdk);
  const errors = exported
    .filter((value) => Array.isArray(value) && value[0] === -3)
    .map((value) => (value as Structure)[3])
    .filter((traits): traits is { awsQueryError: [string, number] } => {
      return typeof traits === 'object' && traits !== null && 'awsQueryError' in traits;
    });
  return new Map(errors.map(({ awsQueryError }) => awsQueryError));
}

/** A client that gets one answer, whatever it asks. */
function clientFor(statusCode: number, xml: string): STSClient {
  return new STSClient({
    region: 'eu-west-1',
    endpoint: 'http://127.0.0.1:1',
    maxAttempts: 1,
    credentials: { accessKeyId: 'ASIA', secretAccessKey: 'secret' },
    requestHandler: {
      handle: async () => ({
        response: { statusCode, headers: { 'content-type': 'text/xml' }, body: new TextEncoder().encode(xml) },
      }),
    },
  });
}

/** What the SDK makes of one answer. */
async function parsed(statusCode: number, xml: string) {
  return await clientFor(statusCode, xml).send(
    new AssumeRoleWithWebIdentityCommand({
      RoleArn: 'arn:aws:iam::123456789012:role/R',
      RoleSessionName: 'name',
      WebIdentityToken: 'token',
    }),
  );
}

describe('the AWS double against the service model of the SDK', () => {
  test('the model is the one that was read: the walk below sees it', () => {
    const [, namespace, name, , input, output] = AssumeRoleWithWebIdentity$ as unknown as readonly [
      number,
      string,
      string,
      number,
      () => unknown,
      () => unknown,
    ];
    expect([namespace, name]).toEqual(['com.amazonaws.sts', 'AssumeRoleWithWebIdentity']);
    expect(input()).toBe(AssumeRoleWithWebIdentityRequest$);
    expect(output()).toBe(AssumeRoleWithWebIdentityResponse$);
    expect(modelledErrors().size).toBeGreaterThan(6);
    const chain: readonly unknown[] = AssumeRole$;
    expect(chain.slice(1, 3)).toEqual(['com.amazonaws.sts', 'AssumeRole']);
  });

  test('every member of the answer is in the model', () => {
    expect(membersOf(AssumeRoleWithWebIdentityResponse$)).toEqual(expect.arrayContaining(Object.keys(answer)));
    expect(membersOf(AssumeRoleResponse$)).toEqual(expect.arrayContaining(Object.keys(chained)));
    expect([...membersOf(AssumedRoleUser$)].sort()).toEqual(Object.keys(answer.AssumedRoleUser).sort());
    expect([...membersOf(Credentials$)].sort()).toEqual(Object.keys(answer.Credentials).sort());
  });

  test('every parameter that the double reads is in the model', () => {
    const read = ['RoleArn', 'RoleSessionName', 'DurationSeconds', 'Policy', 'PolicyArns'];
    const web = [...read, 'WebIdentityToken', 'ProviderId'];
    const chain = [...read, 'ExternalId', 'SourceIdentity', 'Tags'];
    expect(membersOf(AssumeRoleWithWebIdentityRequest$)).toEqual(expect.arrayContaining(web));
    expect(membersOf(AssumeRoleRequest$)).toEqual(expect.arrayContaining(chain));
  });

  test('every error code is in the model with that status, or one that all of AWS shares', () => {
    const model = modelledErrors();
    for (const [code, status] of Object.entries(STS_CODES)) {
      if (COMMON_CODES.includes(code as StsCode)) expect(model.has(code), code).toBe(false);
      else expect(model.get(code), code).toBe(status);
    }
  });

  test('the SDK reads back every member of an answer', async () => {
    const { $metadata, ...output } = await parsed(200, answerXml('AssumeRoleWithWebIdentity', answer, 'request-1'));
    expect($metadata.httpStatusCode).toBe(200);
    const Expiration = new Date(answer.Credentials.Expiration);
    expect(output).toEqual({ ...answer, Credentials: { ...answer.Credentials, Expiration } });
  });

  test('the SDK reads back every member of an answer to AssumeRole', async () => {
    const client = clientFor(200, answerXml('AssumeRole', chained, 'request-2'));
    const { $metadata, ...output } = await client.send(
      new AssumeRoleCommand({ RoleArn: 'arn:aws:iam::123456789012:role/R', RoleSessionName: 'name' }),
    );
    expect($metadata.httpStatusCode).toBe(200);
    const Expiration = new Date(answer.Credentials.Expiration);
    expect(output).toEqual({ ...chained, Credentials: { ...answer.Credentials, Expiration } });
  });

  test.each(Object.entries(STS_CODES))('the SDK reads the error %s (HTTP %i)', async (code, status) => {
    const error: unknown = await parsed(status, errorXml(code, 'a <message>', 'request-1')).catch((thrown) => thrown);
    if (!(error instanceof sdk.STSServiceException)) throw new Error('an STSServiceException was expected');
    expect(error.name.replace(/Exception$/, '')).toBe(code.replace(/Exception$/, ''));
    expect(error.message).toContain('a <message>');
    expect(error.$metadata.httpStatusCode).toBe(status);
  });
});
