/** One request out of Carnet. */
export interface OutboundRequest {
  readonly url: string;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** PEM roots that replace the system's for this request (K10). */
  readonly ca?: string;
  /** Largest body in bytes, after decompression. Default 512 KiB. */
  readonly maxBytes?: number;
  /** Deadline for the whole exchange. Default 5,000 ms. */
  readonly timeoutMs?: number;
  /** Metric label: `jwks`, `discovery`, `aws`, `oauth`. */
  readonly purpose: string;
}

export interface OutboundAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/**
 * Why a request did not end in an answer. `blocked` is Carnet's own refusal, `untrusted` a server that TLS does not prove to
 * be the one, everything else the other side's or the network's.
 */
export type OutboundFailure =
  | 'blocked'
  | 'untrusted'
  | 'timeout'
  | 'too_large'
  | 'redirect'
  | 'unreachable'
  | 'overloaded';

export class OutboundError extends Error {
  override readonly name = 'OutboundError';
  readonly failure: OutboundFailure;

  /** `message` names host and rule, never a path of this machine, a header or a body. */
  constructor(failure: OutboundFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

/** The one guarded way out (V12). Any HTTP status is an answer except a redirect; all else throws OutboundError. */
export interface Outbound {
  request(request: OutboundRequest): Promise<OutboundAnswer>;
  close(): Promise<void>;
}
