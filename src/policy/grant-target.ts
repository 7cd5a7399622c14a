import type { FederationGrantSpec } from '../resources/federation-grant.ts';
import { EVERY } from '../resources/federation-grant.ts';
import type { TrustedIssuer } from '../resources/issuers.ts';
import { knownPath } from '../resources/spiffe-path.ts';
import type { TargetKind, TargetSpec } from '../resources/targets/target.ts';
import type { Subject } from './subject.ts';

type To = FederationGrantSpec['to'];
type Field = keyof To;

/** What speaks of a kind of target. A kind of which a grant names nothing is not covered by it. */
const FIELDS: Readonly<Record<TargetKind, readonly Field[]>> = {
  aws: ['accounts', 'roles'],
  gcp: ['projects', 'serviceAccounts'],
  azure: ['tenants', 'clients'],
  oauth: ['origins'],
  jwtSvid: ['audiences', 'spiffePaths'],
  x509Svid: ['spiffePaths'],
};

/** What a mapping names at its target: where `texts` is empty or undefined, that cannot be decided. */
interface Named {
  readonly field: Field;
  readonly path: readonly string[];
  readonly texts: readonly Text[];
}
interface Text {
  readonly text: string;
  /** False: it goes on in a way that depends on who asks. */
  readonly whole: boolean;
}

/** A condition of a grant that does not hold, and where in the mapping that shows. */
export interface Shortfall {
  readonly field: string;
  readonly path: readonly string[];
}

/** All that a mapping's target names, by the fields of a grant. */
export function namedBy(target: TargetSpec, subject: Subject, issuers: readonly TrustedIssuer[]): readonly Named[] {
  const at = (field: Field, member: string, texts: readonly (string | undefined)[]): Named => ({
    field,
    path: ['spec', 'target', target.kind, member],
    texts: texts.every((text) => text !== undefined) ? texts.map((text) => ({ text, whole: true })) : [],
  });
  switch (target.kind) {
    case 'aws': {
      const { roleArn, secondHop } = target.spec;
      const roles = secondHop === undefined ? [roleArn] : [roleArn, secondHop.roleArn];
      return [at('accounts', 'roleArn', roles.map(accountOf)), at('roles', 'roleArn', roles)];
    }
    case 'gcp': {
      const { provider, serviceAccount, delegates = [] } = target.spec;
      const accounts = serviceAccount === undefined ? [] : [serviceAccount, ...delegates];
      const projects = [provider.split('/')[4], ...accounts.map(projectOf)];
      return [at('projects', 'provider', projects), at('serviceAccounts', 'serviceAccount', accounts)];
    }
    case 'azure': {
      const { tenant, clientId } = target.spec;
      return [at('tenants', 'tenant', [tenant]), at('clients', 'clientId', [clientId])];
    }
    case 'oauth':
      return [at('origins', 'issuer', [URL.parse(target.spec.issuer)?.origin])];
    case 'jwtSvid':
      return [at('audiences', 'audiences', target.spec.audiences), pathsOf(subject, issuers)];
    case 'x509Svid':
      return [pathsOf(subject, issuers)];
    default:
      return target satisfies never;
  }
}

/** What of `to` does not hold for what a mapping names, first of all that it says nothing of this kind of target. */
export function targetShortfalls(to: To, kind: TargetKind, named: readonly Named[]): readonly Shortfall[] {
  const said = FIELDS[kind].filter((field) => to[field] !== undefined);
  if (said.length === 0) return [{ field: `to.${FIELDS[kind].join(' or to.')}`, path: ['spec', 'target', kind] }];
  return said.flatMap((field) => {
    const { texts = [], path = [] } = named.find((one) => one.field === field) ?? {};
    const holds = texts.length > 0 && texts.every((text) => isNamed(to[field] ?? [], text, field));
    return holds ? [] : [{ field: `to.${field}`, path }];
  });
}

/** Ids of Entra are the same in either case. */
function isNamed(entries: readonly string[], { text, whole }: Text, field: Field): boolean {
  if (entries[0] === EVERY) return true;
  if (field === 'tenants' || field === 'clients') {
    return entries.some((entry) => entry.toLowerCase() === text.toLowerCase());
  }
  return entries.some((entry) => (entry.endsWith('*') ? text.startsWith(entry.slice(0, -1)) : whole && entry === text));
}

function accountOf(roleArn: string): string | undefined {
  return roleArn.split(':')[4];
}

/** The project in the email of a service account that somebody made; those that Google makes say it in other ways. */
function projectOf(email: string): string | undefined {
  return /^[^@]+@(.+)\.iam\.gserviceaccount\.com$/.exec(email)?.[1];
}

/** One path for each issuer that may vouch; none where one of them gives no SPIFFE ID that can be told beforehand. */
function pathsOf({ who }: Subject, issuers: readonly TrustedIssuer[]): Named {
  const path = ['spec', 'subject'];
  if (who.kind === 'spiffeId') {
    const text = who.spiffeId.slice(who.spiffeId.indexOf('/', 'spiffe://'.length));
    return { field: 'spiffePaths', path, texts: [{ text, whole: true }] };
  }
  const known = who.kind === 'claims' ? claimsOf(who.claims) : workloadOf(who);
  const texts = issuers.map(({ profile }) => profile.spiffePath && knownPath(profile.spiffePath, known));
  return { field: 'spiffePaths', path, texts: texts.every((text) => typeof text === 'object') ? texts : [] };
}

function workloadOf(who: { readonly namespace: string; readonly serviceAccount: string }) {
  const { namespace, serviceAccount } = who;
  const values = new Map([
    ['namespace', namespace],
    ['serviceAccount', serviceAccount],
  ]);
  return (placeholder: string) => exactly(values.get(placeholder));
}

function claimsOf(claims: Readonly<Record<string, string>>) {
  return (placeholder: string) => {
    const name = placeholder.slice('claims.'.length);
    return Object.hasOwn(claims, name) ? exactly(claims[name]) : undefined;
  };
}

function exactly(value: string | undefined): string | undefined {
  return value === EVERY ? undefined : value;
}
