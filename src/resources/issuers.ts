import type { JsonObject } from '../core/json.ts';

/** Where the public keys of an issuer come from. Paths are absolute; files are read at each fetch, so a change counts at once. */
export type KeySource =
  | {
      readonly kind: 'discovery';
      /** Address of the discovery document; from the issuer when the resource names none. */
      readonly url: string;
      /** Overrides the document's `jwks_uri`. */
      readonly jwksUri?: string;
      readonly caFile?: string;
      readonly bearerTokenFile?: string;
    }
  | { readonly kind: 'jwks'; readonly url: string; readonly caFile?: string }
  | KubeconfigSource
  | { readonly kind: 'static'; readonly jwksFile?: string; readonly jwks?: JsonObject };

/** A context of a kubeconfig, its current one when none is named. */
export interface KubeconfigSource {
  readonly kind: 'kubeconfig';
  readonly file: string;
  readonly context?: string;
}

/** How an API server is reached, and as whom. */
export type ApiServerSource =
  | {
      readonly kind: 'address';
      /** Base address, no trailing slash. */
      readonly url: string;
      readonly caFile?: string;
      readonly bearerTokenFile?: string;
    }
  | KubeconfigSource;

/** That the API server is asked whether a verified token still counts (K32). `prefer` does without when it cannot be reached. */
export interface TokenReview {
  readonly mode: 'prefer' | 'require';
  readonly server: ApiServerSource;
}

/** What kind of tokens an issuer writes, and what is asked of them beyond signature, audience and time. */
export type IssuerProfile =
  | {
      readonly kind: 'kubernetes';
      readonly cluster: string;
      /** Path template, `{cluster}` already filled; open are `{namespace}` and `{serviceAccount}`, whole segments. */
      readonly spiffePath: string;
      /** Absent: never asked. */
      readonly tokenReview?: TokenReview;
    }
  | {
      readonly kind: 'oidc';
      /** Claim name to the exact value it must have. */
      readonly requireClaims: Readonly<Record<string, string>>;
      /** Path template; its placeholders are whole segments `{claims.NAME}`. */
      readonly spiffePath?: string;
    };

/** One TrustedIssuer, compiled. */
export interface TrustedIssuer {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Exact `iss`. */
  readonly issuer: string;
  readonly previousIssuers: readonly { readonly issuer: string /** Milliseconds. */; readonly notAfter: number }[];
  readonly audiences: readonly string[];
  readonly allowExtraAudiences: boolean;
  readonly algorithms: readonly string[];
  readonly maxTokenLifetimeSeconds: number;
  readonly clockSkewSeconds: number;
  readonly keys: KeySource;
  readonly profile: IssuerProfile;
  /** Present: each of its tokens may be used once only, whichever mapping it is for (R1). */
  readonly replay?: 'once';
}

/** The issuers' part of a Snapshot. An issuer that uses what is not built is not in it, so its tokens are refused. */
export interface TrustedIssuers {
  readonly byName: ReadonlyMap<string, TrustedIssuer>;
  /** By exact `iss`, current and previous; issuers may share one. */
  readonly byIss: ReadonlyMap<string, readonly TrustedIssuer[]>;
  /** Carnet's own trust domain, from which SPIFFE IDs are made. */
  readonly trustDomain: string;
}
