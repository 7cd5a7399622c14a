import {
  AssumeRoleCommand,
  type AssumeRoleCommandOutput,
  AssumeRoleWithWebIdentityCommand,
  type AssumeRoleWithWebIdentityCommandOutput,
} from '@aws-sdk/client-sts';
import type { Secret } from '../../core/secret.ts';
import type { Flight } from './flight.ts';
import { type Hop, type Hops, hopParameters } from './hops.ts';
import type { Session } from './session.ts';
import { withClient } from './sts-client.ts';
import { lacksOurKeys } from './sts-error.ts';

const TRIES = 2;

/**
 * AssumeRoleWithWebIdentity, unsigned. Tried again once, within deadline and budget, where AWS could not fetch Carnet's
 * keys: that is the one failure AWS calls transient. Throws what the SDK or Outbound throws.
 */
export function assumeWithAssertion(
  flight: Flight,
  { hop, sessionName, assertion }: { hop: Hop; sessionName: string; assertion: Secret },
): Promise<AssumeRoleWithWebIdentityCommandOutput> {
  const { retries } = flight;
  retries.called();
  return withClient(flight, undefined, async (client) => {
    for (let tried = 1; ; tried += 1) {
      try {
        return await client.send(
          new AssumeRoleWithWebIdentityCommand({
            ...hopParameters(hop),
            RoleSessionName: sessionName,
            WebIdentityToken: assertion.reveal(),
          }),
        );
      } catch (error) {
        const again = tried < TRIES && lacksOurKeys(error) && retries.spend();
        if (!again) throw error;
      }
    }
  });
}

/**
 * AssumeRole, signed with `session` and nothing else. Transitive tags and the source identity come along by themselves,
 * and AWS would refuse either said anew. Throws what the SDK or Outbound throws.
 */
export function assumeWithSession(
  flight: Flight,
  { hop, sessionName, session }: { hop: NonNullable<Hops['second']>; sessionName: string; session: Session },
): Promise<AssumeRoleCommandOutput> {
  const { externalId } = hop;
  return withClient(flight, session, (client) =>
    client.send(
      new AssumeRoleCommand({
        ...hopParameters(hop),
        RoleSessionName: sessionName,
        ...(externalId !== undefined && { ExternalId: externalId }),
      }),
    ),
  );
}
