import { REASONS } from '../core/oauth-error.ts';
import { Secret } from '../core/secret.ts';
import { TokenType } from '../core/token-types.ts';
import { duration, durationSeconds } from '../resources/duration.ts';
import { awaitedRequest, whenApproved } from './awaited-access.ts';
import { isCredentialText, readAwsCredentials } from './aws-credentials.ts';
import { runChild } from './child-command.ts';
import { CommandError, ExitCode } from './exit-code.ts';
import { MENDS } from './mends.ts';
import { printable, printableJson, styleOf } from './style.ts';
import { readSubjectToken, type TokenSource } from './subject-token.ts';
import type { Surroundings } from './surroundings.ts';
import { askForCredential, type EndpointAnswer, parseEndpoint } from './token-endpoint.ts';

export interface ExchangeOptions extends TokenSource {
  readonly endpoint?: string;
  readonly audience?: string;
  readonly requestedTokenType?: string;
  readonly expiresIn?: number;
  readonly output: 'text' | 'json' | 'credential-process';
  /** Until approval that is awaited has come. */
  readonly wait?: boolean;
  readonly waitFor: string;
}

/** `carnet exchange`: a token in, a credential out, or a command that runs with it. Resolves to the exit code. */
export async function exchange(
  options: ExchangeOptions,
  command: readonly string[],
  surroundings: Surroundings,
): Promise<number> {
  const endpoint = options.endpoint ?? surroundings.env['CARNET_ENDPOINT'];
  if (!endpoint) throw new CommandError(ExitCode.usage, 'name the server: --endpoint URL or CARNET_ENDPOINT');
  const { audience } = options;
  if (!audience) throw new CommandError(ExitCode.usage, 'name what the credential is for: --audience ADDRESS');
  const waitForSeconds = waitingSeconds(options);
  // The token is read for each request: while people decide, another takes its place.
  const ask = async () =>
    await askForCredential({
      endpoint: parseEndpoint(endpoint),
      subjectToken: await readSubjectToken(options, surroundings),
      audience,
      ...(options.requestedTokenType !== undefined && { requestedTokenType: options.requestedTokenType }),
      ...(options.expiresIn !== undefined && { expiresInSeconds: options.expiresIn }),
    });
  const first = await ask();
  const answer = options.wait ? await whenApproved(first, { waitForSeconds, ask }, surroundings) : first;
  if (answer.status !== 200) return reportRefusal(answer, options, surroundings);

  const credential = credentialOf(answer);
  const [file, ...args] = command;
  if (file !== undefined) return runChild([file, ...args], environmentFor(credential, surroundings), surroundings);
  surroundings.out.write(`${rendered(credential, answer, options)}\n`);
  return ExitCode.ok;
}

function waitingSeconds({ waitFor }: ExchangeOptions): number {
  const parsed = duration.safeParse(waitFor);
  if (!parsed.success) throw new CommandError(ExitCode.usage, '--wait-for is a duration such as 30m');
  return durationSeconds(parsed.data);
}

interface Issued {
  readonly accessToken: Secret;
  readonly type: string;
}

function credentialOf({ body }: EndpointAnswer): Issued {
  const { access_token: accessToken, issued_token_type: type } = body;
  if (typeof accessToken !== 'string' || typeof type !== 'string') {
    throw new CommandError(ExitCode.unavailable, 'the answer has no access_token and issued_token_type');
  }
  if (!isCredentialText(accessToken)) {
    throw new CommandError(ExitCode.unavailable, 'the access_token of the answer holds characters that none may hold');
  }
  return { accessToken: new Secret(accessToken), type };
}

function rendered({ accessToken, type }: Issued, answer: EndpointAnswer, { output }: ExchangeOptions): string {
  if (output === 'json') return printableJson(answer.body, 2);
  if (output === 'text') return accessToken.reveal();
  if (type !== TokenType.awsCredentials || readAwsCredentials(accessToken) === undefined) {
    throw new CommandError(
      ExitCode.refused,
      `a credential-process document is for AWS, this target gives ${printable(type)}`,
    );
  }
  return accessToken.reveal();
}

/** The environment of the command: AWS's names for AWS credentials, CARNET_TOKEN for everything else. */
function environmentFor({ accessToken, type }: Issued, { env }: Surroundings): Record<string, string | undefined> {
  if (type !== TokenType.awsCredentials) return { ...env, CARNET_TOKEN: accessToken.reveal() };
  const credentials = readAwsCredentials(accessToken);
  if (credentials === undefined) throw new CommandError(ExitCode.unavailable, 'the answer holds no AWS credentials');
  return {
    ...env,
    // A profile would win over the keys in some of AWS's own tools.
    AWS_PROFILE: undefined,
    AWS_DEFAULT_PROFILE: undefined,
    // The session token's old name, which some tools still read first.
    AWS_SECURITY_TOKEN: undefined,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: credentials.sessionToken,
    AWS_CREDENTIAL_EXPIRATION: credentials.expiration,
  };
}

function reportRefusal(answer: EndpointAnswer, options: ExchangeOptions, { err, env }: Surroundings): ExitCode {
  const { status, body, retryAfter } = answer;
  const comesBack = status === 429 || status >= 500;
  const request = awaitedRequest(answer);
  // Whoever has waited, and was told neither yes nor no, may wait on.
  const undecided = options.wait && request !== undefined && !['denied', 'withdrawn'].includes(request.state);
  const exitCode = comesBack || undecided ? ExitCode.unavailable : ExitCode.refused;
  if (options.output === 'json') {
    err.write(
      `${printableJson({ status, ...body, ...(retryAfter !== undefined && { retry_after: retryAfter }), ...(request && { access_request: request.name }) })}\n`,
    );
    return exitCode;
  }
  const style = styleOf(err, env);
  const text = (member: string) => (typeof body[member] === 'string' ? printable(body[member]) : undefined);
  const reason = REASONS.find((known) => known === body['reason']);
  const facts = {
    reason: text('reason'),
    mend: reason && MENDS[reason],
    access: request && `${request.name} (${request.state})`,
    'trace id': text('trace_id'),
    'try again': comesBack && retryAfter !== undefined ? `in ${printable(retryAfter)} s` : undefined,
  };
  const headline = `${text('error') ?? `status ${status}`}: ${text('error_description') ?? 'no description'}`;
  err.write(`${style('red', comesBack ? 'carnet: not now:' : 'carnet: refused:')} ${headline}\n`);
  for (const [name, value] of Object.entries(facts)) {
    if (value !== undefined) err.write(`  ${style('dim', name.padEnd(9))}  ${value}\n`);
  }
  return exitCode;
}
