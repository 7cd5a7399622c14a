import type { RoleEntry } from '../core/admin-role.ts';
import type { ConfigFault } from './config-faults.ts';

/** Files of a listener's certificate chain and key, absolute paths. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** One address that Carnet listens on. `all` is every door on one address, under development only. */
export interface ListenerConfig {
  readonly name: 'all' | 'public' | 'workload' | 'admin';
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsFiles;
}

/** Everything that a deployment decides, checked and frozen. Paths are absolute. */
export interface Config {
  /** `iss` of assertions for clouds, byte for byte; the SVID issuer is this and `/svid`. */
  readonly issuer: string;
  readonly trustDomain: string;
  readonly development: boolean;
  readonly listeners: readonly ListenerConfig[];
  /** Base of `token_endpoint`, no trailing slash. */
  readonly workloadUrl: string;
  /** Files or folders of resource documents. */
  readonly resources: readonly string[];
  /** Mappings need a FederationGrant whoever wrote them, files too. */
  readonly requireGrants: boolean;
  readonly outbound: { readonly allowOrigins: readonly string[] };
  /** One file of one replica, or the PostgreSQL that replicas share, whose URL holds no password. */
  readonly store:
    | { readonly sqlite: { readonly path: string } }
    | { readonly postgres: { readonly url: string; readonly passwordFile?: string } };
  /** In memory where absent. The URL holds no password. */
  readonly cache: { readonly redis?: { readonly url: string; readonly passwordFile?: string } };
  readonly signing: { readonly encryptionKeyFile: string; readonly rotateEverySeconds: number };
  readonly audit: { readonly directory: string; readonly stream?: string };
  /** Other endpoints than the public ones; each is an allowed origin by being named here. */
  readonly clouds: {
    readonly aws: { readonly stsEndpoint?: string };
    readonly gcp: {
      readonly stsEndpoint?: string;
      readonly iamCredentialsEndpoint?: string;
      readonly storageEndpoint?: string;
    };
    /** Without a path: tenants follow. */
    readonly azure: { readonly authorityHost?: string };
  };
  /** The admin API is there where `oidc` is. */
  readonly admin: {
    readonly bootstrapTokenFile?: string;
    /** Widening changes through the API take two people. */
    readonly fourEyes: boolean;
    /** Widening changes through the API are refused. */
    readonly readOnly: boolean;
    readonly oidc?: {
      readonly issuer: string;
      readonly audience: string;
      readonly roles: readonly RoleEntry[];
    };
  };
  readonly log: { readonly level: LogLevel };
  /** The API server of the cluster that Carnet runs in; absent elsewhere. */
  readonly ownCluster?: { readonly server: string };
  /** What loads but has no effect yet, or is unwise; for the banner and the log. */
  readonly warnings: readonly ConfigFault[];
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
