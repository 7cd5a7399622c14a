import { TokenType } from '../../core/token-types.ts';
import { AWS_AUDIENCE, AWS_SECOND_HOP_TTL, AWS_TTL, type AwsTarget } from './aws.ts';
import { AZURE_AUDIENCES, type AzureTarget, azureAddresses, azureClientNames, azureResources } from './azure.ts';
import { type GcpTarget, gcpAudiences } from './gcp.ts';
import { type JwtSvidTarget, SVID_TTL } from './jwt-svid.ts';
import type { OauthTarget } from './oauth.ts';
import type { X509SvidTarget } from './x509-svid.ts';

/** Specs of the target kinds: a mapping has exactly one. */
interface TargetSpecs {
  readonly aws: AwsTarget;
  readonly gcp: GcpTarget;
  readonly azure: AzureTarget;
  readonly oauth: OauthTarget;
  readonly jwtSvid: JwtSvidTarget;
  readonly x509Svid: X509SvidTarget;
}
export type TargetKind = keyof TargetSpecs;
/** One target with its kind. */
export type TargetSpec = { [K in TargetKind]: { readonly kind: K; readonly spec: TargetSpecs[K] } }[TargetKind];

export interface TtlLimits {
  readonly minSeconds: number;
  readonly maxSeconds: number;
  /** Where a mapping names none. */
  readonly defaultSeconds: number;
  readonly defaultMaxSeconds: number;
  /** Present where the target alone chooses the lifetime, and Carnet cannot ask for less. */
  readonly targetChooses?: {
    /** What it gives at most when nobody has set it up otherwise; absent where that is not known. */
    readonly usualSeconds?: number;
  };
}

/** The pure half of a target: all that policy knows of its kind. */
interface TargetDescription<S> {
  /** Credentials of a cloud: intents must be said, and pods are bound unless the mapping says otherwise. */
  readonly cloud: boolean;
  /** False: mappings with this target load and are inactive. */
  readonly built: boolean;
  readonly ttl: (spec: S) => TtlLimits;
  /** First the one that is issued when none is asked, then what is also accepted and echoed (DESIGN section 9). */
  readonly tokenTypes: (spec: S) => readonly [TokenType, ...TokenType[]];
  /** Strings beside the mapping's own name and `addresses` by which a request may name it. */
  readonly nativeAddresses: (spec: S) => readonly string[];
  /** Whether the mapping's own name and `addresses` say enough to choose what is granted. */
  readonly answersToName: (spec: S) => boolean;
  /** Audiences of its assertions and of the tokens that it gives, so that no SVID may carry them. */
  readonly reservedAudiences: (spec: S) => readonly string[];
}

const always = (): boolean => true;
const HOUR = { defaultSeconds: 3600, defaultMaxSeconds: 3600 } as const;
/** generateAccessToken: an hour, or twelve where the organisation's policy lets it (clouds.md 2.4). */
const IMPERSONATED_TTL: TtlLimits = { ...HOUR, minSeconds: 1, maxSeconds: 43_200 };
/** Google's STS and generateIdToken take no lifetime. */
const GOOGLE_TTL: TtlLimits = { ...HOUR, minSeconds: 1, maxSeconds: 3600, targetChooses: { usualSeconds: 3600 } };
/** Entra draws 60 to 90 minutes; a tenant may set up to a day (clouds.md 2.5). */
const ENTRA_TTL: TtlLimits = { ...HOUR, minSeconds: 1, maxSeconds: 86_400, targetChooses: { usualSeconds: 5400 } };
/** RFC 8693 and RFC 7523 have no parameter for it. */
const OAUTH_TTL: TtlLimits = { ...HOUR, minSeconds: 1, maxSeconds: 86_400, targetChooses: {} };

// One list for all mappings of a kind: there may be many.
const AWS_TYPES = [TokenType.awsCredentials] as const;
const ACCESS_TOKEN_TYPES = [TokenType.accessToken] as const;
const ID_TOKEN_TYPES = [TokenType.idToken] as const;
const JWT_SVID_TYPES = [TokenType.jwtSvid, TokenType.jwt] as const;
const X509_SVID_TYPES = [TokenType.x509Svid] as const;
const NO_ADDRESSES: readonly string[] = [];

export const TARGETS: { readonly [K in TargetKind]: TargetDescription<TargetSpecs[K]> } = {
  aws: {
    cloud: true,
    built: true,
    ttl: ({ secondHop }) => (secondHop === undefined ? AWS_TTL : AWS_SECOND_HOP_TTL),
    tokenTypes: () => AWS_TYPES,
    nativeAddresses: ({ roleArn }) => [roleArn],
    answersToName: always,
    reservedAudiences: () => [AWS_AUDIENCE],
  },
  gcp: {
    cloud: true,
    built: true,
    ttl: ({ serviceAccount, idToken }) =>
      serviceAccount !== undefined && idToken === undefined ? IMPERSONATED_TTL : GOOGLE_TTL,
    tokenTypes: ({ idToken }) => (idToken === undefined ? ACCESS_TOKEN_TYPES : ID_TOKEN_TYPES),
    nativeAddresses: ({ provider }) => [provider],
    answersToName: always,
    reservedAudiences: (spec) => [
      ...gcpAudiences(spec),
      ...(spec.idToken === undefined ? [] : [spec.idToken.audience]),
    ],
  },
  azure: {
    cloud: true,
    built: true,
    ttl: () => ENTRA_TTL,
    tokenTypes: () => ACCESS_TOKEN_TYPES,
    nativeAddresses: azureAddresses,
    answersToName: ({ scopes }) => scopes.length === 1,
    reservedAudiences: (spec) => [...azureClientNames(spec), ...azureResources(spec)],
  },
  oauth: {
    cloud: true,
    built: true,
    ttl: () => OAUTH_TTL,
    tokenTypes: () => ACCESS_TOKEN_TYPES,
    nativeAddresses: ({ issuer }) => [issuer],
    answersToName: always,
    reservedAudiences: ({ issuer, audience, resource }) =>
      [issuer, audience, resource].filter((one) => one !== undefined),
  },
  jwtSvid: {
    cloud: false,
    built: true,
    ttl: () => SVID_TTL,
    tokenTypes: () => JWT_SVID_TYPES,
    nativeAddresses: ({ audiences }) => audiences,
    answersToName: ({ audiences }) => audiences.length === 1,
    reservedAudiences: () => [],
  },
  x509Svid: {
    cloud: false,
    built: false,
    ttl: () => SVID_TTL,
    tokenTypes: () => X509_SVID_TYPES,
    nativeAddresses: () => [],
    answersToName: always,
    reservedAudiences: () => [],
  },
};

/** What no SVID may ever carry as audience, whatever the resources say: the clouds' own. */
export const CLOUD_AUDIENCES: readonly string[] = [AWS_AUDIENCE, 'sts.amazonaws.com.cn', ...AZURE_AUDIENCES];

/** The one target of a mapping, or undefined where there is none or more than one. */
export function targetOf(target: { readonly [K in TargetKind]?: TargetSpecs[K] | undefined }): TargetSpec | undefined {
  const named: TargetSpec[] = [];
  if (target.aws) named.push({ kind: 'aws', spec: target.aws });
  if (target.gcp) named.push({ kind: 'gcp', spec: target.gcp });
  if (target.azure) named.push({ kind: 'azure', spec: target.azure });
  if (target.oauth) named.push({ kind: 'oauth', spec: target.oauth });
  if (target.jwtSvid) named.push({ kind: 'jwtSvid', spec: target.jwtSvid });
  if (target.x509Svid) named.push({ kind: 'x509Svid', spec: target.x509Svid });
  return named.length === 1 ? named[0] : undefined;
}

/** All strings by which a request may ask for a mapping. */
export function addressesOf(name: string, aliases: readonly string[], target: TargetSpec): readonly string[] {
  const native = described(target, nativeAddresses);
  return [...new Set(described(target, answersToName) ? [name, ...aliases, ...native] : native)];
}

/** What a cloud or a server calls a mapping: strings that nobody chose, and that several mappings of one workload may share. */
export function cloudAddressesOf(target: TargetSpec): readonly string[] {
  return TARGETS[target.kind].cloud ? described(target, nativeAddresses) : NO_ADDRESSES;
}

/** Audiences that belong to a mapping's target. */
export function reservedAudiencesOf(target: TargetSpec): readonly string[] {
  return described(target, reservedAudiences);
}

/** How long credentials of the target may live. */
export function ttlLimitsOf(target: TargetSpec): TtlLimits {
  return described(target, ttl);
}

/** Types that are issued for a target: first that which is issued when none is asked. */
export function tokenTypesOf(target: TargetSpec): readonly [TokenType, ...TokenType[]] {
  return described(target, tokenTypes);
}

const ttl = <S>(description: TargetDescription<S>, spec: S) => description.ttl(spec);
const tokenTypes = <S>(description: TargetDescription<S>, spec: S) => description.tokenTypes(spec);
const nativeAddresses = <S>(description: TargetDescription<S>, spec: S) => description.nativeAddresses(spec);
const answersToName = <S>(description: TargetDescription<S>, spec: S) => description.answersToName(spec);
const reservedAudiences = <S>(description: TargetDescription<S>, spec: S) => description.reservedAudiences(spec);

function described<T>(target: TargetSpec, ask: <S>(description: TargetDescription<S>, spec: S) => T): T {
  switch (target.kind) {
    case 'aws':
      return ask(TARGETS.aws, target.spec);
    case 'gcp':
      return ask(TARGETS.gcp, target.spec);
    case 'azure':
      return ask(TARGETS.azure, target.spec);
    case 'oauth':
      return ask(TARGETS.oauth, target.spec);
    case 'jwtSvid':
      return ask(TARGETS.jwtSvid, target.spec);
    case 'x509Svid':
      return ask(TARGETS.x509Svid, target.spec);
    default:
      return target satisfies never;
  }
}
