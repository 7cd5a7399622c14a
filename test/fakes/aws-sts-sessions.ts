import { randomBytes } from 'node:crypto';
import type { SessionPolicies } from './aws-sts-policy.ts';
import type { SigningKeys } from './aws-sts-signature.ts';
import { type SessionAnswer, StsRefusal } from './aws-sts-wire.ts';

/** A session that the double has given out. */
export interface IssuedSession extends SigningKeys {
  readonly accessKeyId: string;
  /** `arn:aws:sts::…:assumed-role/…`. */
  readonly arn: string;
  readonly roleArn: string;
  /** Those that stay through role chaining. */
  readonly tags: ReadonlyMap<string, string>;
  readonly sourceIdentity: string | undefined;
  readonly policies: SessionPolicies;
  /** Milliseconds. */
  readonly expiresAt: number;
}

export interface NewSession {
  readonly roleArn: string;
  readonly sessionName: string;
  readonly durationSeconds: number;
  readonly policies: SessionPolicies;
  readonly tags: ReadonlyMap<string, string>;
  readonly sourceIdentity: string | undefined;
}

export class Sessions {
  readonly #sessions = new Map<string, IssuedSession>();

  /** Of whoever signed. Throws StsRefusal for a session that has ended. */
  live(accessKeyId: string, now: number): IssuedSession {
    const session = this.#sessions.get(accessKeyId);
    if (session !== undefined && session.expiresAt > now) return session;
    throw new StsRefusal('ExpiredToken', 'The security token included in the request is expired');
  }

  keysOf(accessKeyId: string): SigningKeys | undefined {
    return this.#sessions.get(accessKeyId);
  }

  /** Every session that was given out, in order. */
  all(): readonly IssuedSession[] {
    return [...this.#sessions.values()];
  }

  open({ sessionName, durationSeconds, ...rest }: NewSession, now: number): SessionAnswer {
    const [, partition, , , account] = rest.roleArn.split(':');
    const arn = `arn:${partition}:sts::${account}:assumed-role/${rest.roleArn.split('/').at(-1)}/${sessionName}`;
    const session = {
      ...rest,
      arn,
      accessKeyId: `ASIA${randomText(16)}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      sessionToken: randomBytes(300).toString('base64'),
      expiresAt: now + durationSeconds * 1000,
    };
    this.#sessions.set(session.accessKeyId, session);
    return {
      AssumedRoleUser: { Arn: arn, AssumedRoleId: `AROA${randomText(17)}:${sessionName}` },
      Credentials: {
        AccessKeyId: session.accessKeyId,
        SecretAccessKey: session.secretAccessKey,
        SessionToken: session.sessionToken,
        Expiration: new Date(session.expiresAt).toISOString().replace(/\.\d{3}Z$/, 'Z'),
      },
      ...(rest.sourceIdentity === undefined ? {} : { SourceIdentity: rest.sourceIdentity }),
    };
  }
}

function randomText(length: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  return [...randomBytes(length)].map((byte) => alphabet[byte % alphabet.length]).join('');
}
