import type { RecordedGrant } from '../../audit/record.ts';

/** How what is out is cut off where it is accepted; Carnet itself cannot take it back. */
export interface CutOff {
  /** For a shell with the cloud's own command line and an admin's rights there; absent where no command helps. */
  readonly command?: string;
  readonly note: string;
}

const ROLE = /^arn:[a-z-]+:iam::(\d+):role\/(?:.*\/)?([^/]+)$/;
const PROVIDER = /^\/\/iam\.googleapis\.com\/projects\/([^/]+)\/locations\/global\/workloadIdentityPools\/([^/]+)\//;

/** What cuts off a credential of this grant. `now` in milliseconds: only what was issued before it is meant. */
export function cutOff(grant: Pick<RecordedGrant, 'kind' | 'target' | 'deliver' | 'session'>, now: number): CutOff {
  const found = ofKind(grant, now);
  if (grant.deliver !== 'assertion') return found;
  const known = 'the workload got an assertion: what it opened with it lives on by the rules of the target.';
  return { ...found, note: `${known} ${found.note}` };
}

function ofKind({ kind, target, session }: Omit<RecordedGrant, 'ttl' | 'enforcedBy'>, now: number): CutOff {
  switch (kind) {
    case 'aws':
      return aws(target, session, now);
    case 'gcp':
      return gcp(target);
    case 'azure':
      return {
        command: `az ad app federated-credential list --id ${word(target)}`,
        note: 'tokens of Entra cannot be revoked and live to their end; deleting the federated credential of Carnet from this list ends new ones only. Of a managed identity az identity federated-credential lists them.',
      };
    case 'oauth':
      return { note: `revoke it at ${target}, where that server can (RFC 7009); Carnet keeps no token to do it with.` };
    case 'jwtSvid':
      return {
        note: 'a JWT-SVID cannot be revoked: whoever trusts it takes it until it ends, unless they refuse its id.',
      };
    default:
      return { note: 'nothing is known that cuts it off; it lives to its end.' };
  }
}

/**
 * Sessions of one source identity that began up to now; without one, all sessions of the role. AWS counts in whole
 * seconds: the one that is under way is cut off with the rest.
 */
function aws(target: string, session: string | undefined, now: number): CutOff {
  const [, account, role] = ROLE.exec(target) ?? [];
  if (account === undefined || role === undefined) return { note: 'deny sessions of the role that began before now.' };
  const condition = {
    ...(session !== undefined && { StringEquals: { 'aws:SourceIdentity': session } }),
    DateLessThan: { 'aws:TokenIssueTime': `${new Date(now + 1000).toISOString().slice(0, 19)}Z` },
  };
  const statement = { Effect: 'Deny', Action: '*', Resource: '*', Condition: condition };
  const policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  const name = `carnet-stop-${session ?? 'all'}`;
  return {
    command: `aws iam put-role-policy --role-name ${word(role)} --policy-name ${word(name)} --policy-document ${word(policy)}`,
    note: `in account ${account}; sessions that begin later are not touched.`,
  };
}

function gcp(target: string): CutOff {
  const [, project, pool] = PROVIDER.exec(target) ?? [];
  if (project === undefined || pool === undefined) {
    return {
      command: `gcloud iam service-accounts disable ${word(target)}`,
      note: 'the token cannot be revoked; disabling the account takes its rights from everybody who uses it, until it is enabled again: not before they have ended.',
    };
  }
  return {
    command: `gcloud iam workload-identity-pools update ${word(pool)} --location=global --project=${word(project)} --disabled`,
    note: 'a federated token cannot be revoked; disabling the pool takes the rights from all tokens of it, until it is enabled again. Removing the binding of the principal is narrower.',
  };
}

/** One word for a shell, whatever it holds. */
function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
