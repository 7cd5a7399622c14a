import { ANY, carries } from '../../policy/subject.ts';
import type { DocumentOf } from '../../resources/document.ts';
import type { TrustedIssuer, TrustedIssuers } from '../../resources/issuers.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import type { Workload } from './manifests.ts';

/** Also where an issuer takes longer tokens: a stolen one ends soon. */
const MAX_TOKEN_SECONDS = 3600;
/** Kubernetes projects no shorter token. */
const MIN_TOKEN_SECONDS = 600;

interface Choices {
  readonly namespace?: string;
  readonly serviceAccount?: string;
  readonly container: string;
  readonly tokenFile: string;
}

type Mapping = DocumentOf<'FederationMapping'>;

/** The workload of a mapping in Kubernetes; what the mapping leaves open is chosen. Throws CommandError. */
export function workloadOf({ name, spec }: Mapping, issuers: TrustedIssuers, choices: Choices): Workload {
  const { subject } = spec;
  const trusted = issuersOf(subject, issuers);
  if (subject.namespace === undefined || trusted.some(({ profile }) => profile.kind !== 'kubernetes')) {
    throw new CommandError(ExitCode.refused, `the mapping ${name} is not for ServiceAccounts: use --as env`);
  }
  const lifetimes = trusted.map(({ maxTokenLifetimeSeconds }) => maxTokenLifetimeSeconds);
  return {
    mapping: name,
    namespace: chosen('namespace', subject.namespace, choices.namespace),
    serviceAccount: chosen('service-account', subject.serviceAccount ?? ANY, choices.serviceAccount),
    container: choices.container,
    audience: commonAudience(trusted),
    expirationSeconds: Math.max(MIN_TOKEN_SECONDS, Math.min(MAX_TOKEN_SECONDS, ...lifetimes)),
    tokenFile: choices.tokenFile,
  };
}

function issuersOf({ issuer, issuerSelector }: Mapping['spec']['subject'], issuers: TrustedIssuers): TrustedIssuer[] {
  const all = [...issuers.byName.values()];
  if (issuerSelector === undefined) return all.filter(({ name }) => name === issuer);
  return all.filter((one) => carries(one, issuerSelector));
}

function chosen(option: string, selected: string, choice: string | undefined): string {
  if (selected === ANY && choice === undefined) {
    throw new CommandError(ExitCode.usage, `the mapping selects any ${option}: choose one with --${option}`);
  }
  if (selected !== ANY && choice !== undefined && choice !== selected) {
    throw new CommandError(ExitCode.usage, `the mapping is for ${option} ${selected}, not ${choice}`);
  }
  return choice ?? selected;
}

function commonAudience([first, ...others]: readonly TrustedIssuer[]): string {
  const common = first?.audiences.find((audience) => others.every(({ audiences }) => audiences.includes(audience)));
  if (common !== undefined) return common;
  throw new CommandError(
    ExitCode.refused,
    'the issuers of the mapping have no audience in common: no one manifest fits',
  );
}
