import { isJsonObject, type JsonValue } from '../../core/json.ts';
import { hclName, hclText, shellCommand } from '../written.ts';
import type { Difference, Part } from './part.ts';
import { subjectOf, type Trusting } from './trusting.ts';

interface Pooled {
  readonly mapping: Trusting<'gcp'>;
  /** `projects/N/locations/global/workloadIdentityPools/POOL` */
  readonly pool: string;
}

/** That `member` may act as `account`. */
interface Binding {
  readonly account: string;
  readonly member: string;
  readonly role: string;
  readonly pool: string;
  readonly mapping: string;
}

const USER = 'roles/iam.workloadIdentityUser';
/** Whoever acts through delegates, and the delegates themselves. */
const TOKEN_CREATOR = 'roles/iam.serviceAccountTokenCreator';

/** For each service account, the bindings by which mappings reach it: its own, or those of a chain of delegates. */
export function accountParts(pooled: readonly Pooled[]): readonly Part[] {
  const bindings = pooled.flatMap(bindingsOf);
  return [...Map.groupBy(bindings, ({ account }) => account)].map(([account, of]) => accountPart(account, of));
}

function bindingsOf({ mapping, pool }: Pooled): readonly Binding[] {
  const { serviceAccount, delegates = [] } = mapping.target;
  if (serviceAccount === undefined) return [];
  const principal = `principal://iam.googleapis.com/${pool}/subject/${subjectOf(mapping)}`;
  const members = [principal, ...delegates.map((delegate) => `serviceAccount:${delegate}`)];
  const role = delegates.length === 0 ? USER : TOKEN_CREATOR;
  const { name } = mapping.document;
  return [...delegates, serviceAccount].map((account, index) => {
    const member = members[index] ?? '';
    return { account, member, role, pool, mapping: name };
  });
}

function accountPart(account: string, all: readonly Binding[]): Part {
  const bindings = [...new Map(all.map((binding) => [`${binding.role} ${binding.member}`, binding])).values()];
  const pools = new Set(all.map(({ pool }) => pool));
  return {
    label: account,
    title: `who may act as ${account}`,
    mappings: [...new Set(all.map(({ mapping }) => mapping))],
    desired: { bindings: bindings.map(({ role, member }) => ({ role, members: [member] })) },
    commands: bindings.map(({ role, member }) =>
      shellCommand([
        ...['gcloud', 'iam', 'service-accounts', 'add-iam-policy-binding', account],
        ...['--role', role, '--member', member, '--condition', 'None'],
      ]),
    ),
    readCommand: `gcloud iam service-accounts get-iam-policy ${account} --format json`,
    terraform: (isPrinted) =>
      bindings.map((binding) => terraformOf(account, binding, isPrinted(binding.pool))).join('\n'),
    compare: (live) => compareBindings(bindings, pools, live),
  };
}

function terraformOf(account: string, { role, member, pool }: Binding, hasPool: boolean): string {
  const dependsOn = `  depends_on         = [google_iam_workload_identity_pool.${hclName(pool)}]\n`;
  return `resource "google_service_account_iam_member" "${hclName(`${account} ${role} ${member}`)}" {
  service_account_id = ${hclText(`projects/${projectOf(account)}/serviceAccounts/${account}`)}
  role               = ${hclText(role)}
  member             = ${hclText(member)}
${hasPool ? dependsOn : ''}}
`;
}

/** Google takes `-` where the email alone says which account is meant: of those that it makes itself, and of projects of a domain. */
function projectOf(account: string): string {
  return /^[^@]+@([a-z0-9-]+)\.iam\.gserviceaccount\.com$/.exec(account)?.[1] ?? '-';
}

/** What is missing, and what principals of the same pools may besides; other people's bindings are no business of Carnet's. */
function compareBindings(
  bindings: readonly Binding[],
  pools: ReadonlySet<string>,
  live: JsonValue,
): readonly Difference[] {
  const held = new Set(grantsOf(live));
  const wanted = new Set(bindings.map(({ role, member }) => `${role} ${member}`));
  const missing = [...wanted].filter((grant) => !held.has(grant));
  const ours = (grant: string) => [...pools].some((pool) => grant.includes(`//iam.googleapis.com/${pool}/`));
  const more = [...held].filter((grant) => !wanted.has(grant) && ours(grant));
  return [
    ...missing.map((grant) => ({ field: 'bindings', expected: grant, found: 'no such binding' })),
    ...more.map((grant) => ({ field: 'bindings', expected: 'no such binding', found: grant })),
  ];
}

function grantsOf(live: JsonValue): readonly string[] {
  const bindings = isJsonObject(live) ? live['bindings'] : undefined;
  return (Array.isArray(bindings) ? bindings : []).flatMap((binding) => {
    const { role, members, condition } = isJsonObject(binding) ? binding : {};
    const limit = condition === undefined ? '' : ' under a condition';
    return (Array.isArray(members) ? members : []).map((member) => `${String(role)} ${String(member)}${limit}`);
  });
}
