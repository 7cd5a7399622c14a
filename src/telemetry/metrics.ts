import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import Histogram from 'prom-client/lib/histogram.js';
import Registry from 'prom-client/lib/registry.js';

/** Every metric that Carnet has, named once. Labels never hold a subject, an audience or any text from a request. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    exchanges: new Counter({
      name: 'carnet_exchanges_total',
      help: 'Exchange requests by outcome, door and error (the key of docs/errors.md, empty on success).',
      labelNames: ['door', 'outcome', 'error'],
      registers,
    }),
    exchangeSeconds: new Histogram({
      name: 'carnet_exchange_duration_seconds',
      help: 'Time from parsed request to answer, by door and outcome.',
      labelNames: ['door', 'outcome'],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    httpSeconds: new Histogram({
      name: 'carnet_http_request_duration_seconds',
      help: 'Time of HTTP requests by route pattern (none where nothing is at the path) and status.',
      labelNames: ['route', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    connectionsDropped: new Counter({
      name: 'carnet_connections_dropped_total',
      help: 'TLS connections closed before their handshake, by reason (full: too many wait, late: waited too long).',
      labelNames: ['reason'],
      registers,
    }),
    decisionsBeside: new Counter({
      name: 'carnet_decisions_beside_total',
      help: 'What mappings that do not enforce would have come to, by mode (report, shadow) and outcome (allowed, refused).',
      labelNames: ['mode', 'outcome'],
      registers,
    }),
    accessRequests: new Counter({
      name: 'carnet_access_requests_total',
      help: 'Just-in-time access by what became of it (asked, approved, denied, withdrawn, void: its mapping changed, break_glass, dropped: too many, failed: not stored).',
      labelNames: ['outcome'],
      registers,
    }),
    signatureChecks: new Counter({
      name: 'carnet_signature_checks_total',
      help: 'Signatures of subject tokens by outcome (verified, failed, repeated: known not to verify, refused: too many fail).',
      labelNames: ['outcome'],
      registers,
    }),
    keyFetches: new Counter({
      name: 'carnet_issuer_key_fetches_total',
      help: 'Fetches of issuers\u2019 keys by TrustedIssuer and outcome (ok, failed, shared: a replica had fetched them).',
      labelNames: ['issuer', 'outcome'],
      registers,
    }),
    keyAgeSeconds: new Gauge({
      name: 'carnet_issuer_keys_fetched_timestamp_seconds',
      help: 'When the keys of a TrustedIssuer were last fetched with success, Unix time.',
      labelNames: ['issuer'],
      registers,
    }),
    cacheCommands: new Counter({
      name: 'carnet_cache_commands_total',
      help: 'Commands to Redis by command and outcome (ok, refused, failed, unavailable: not sent).',
      labelNames: ['command', 'outcome'],
      registers,
    }),
    cacheRejected: new Counter({
      name: 'carnet_cache_rejected_total',
      help: 'Values read from Redis that were not believed, by TrustedIssuer whose keys they were said to be.',
      labelNames: ['issuer'],
      registers,
    }),
    signingKeyActiveSince: new Gauge({
      name: 'carnet_signing_key_active_since_timestamp_seconds',
      help: 'Since when the signing key in use signs, by purpose (cloud, svid), Unix time; 0 when there is none.',
      labelNames: ['purpose'],
      registers,
    }),
    signingKeyNextRotation: new Gauge({
      name: 'carnet_signing_key_next_rotation_timestamp_seconds',
      help: 'When another key is to sign than now, by purpose, Unix time.',
      labelNames: ['purpose'],
      registers,
    }),
    signingKeysPublished: new Gauge({
      name: 'carnet_signing_keys_published',
      help: 'Own signing keys in the published documents, by purpose.',
      labelNames: ['purpose'],
      registers,
    }),
    tokenReviews: new Counter({
      name: 'carnet_token_reviews_total',
      help: 'Verified tokens whose cluster was asked, remembered answers too, by TrustedIssuer and outcome (valid, revoked, unreachable, failed).',
      labelNames: ['issuer', 'outcome'],
      registers,
    }),
    cloudCredentials: new Counter({
      name: 'carnet_cloud_credentials_total',
      help: 'Credentials of clouds by target and how they were had (held, joined: a call was under way, call, renewal: a call ahead of need, remembered_failure).',
      labelNames: ['target', 'outcome'],
      registers,
    }),
    cloudCalls: new Counter({
      name: 'carnet_cloud_calls_total',
      help: 'Issuances that clouds were asked for, by target and outcome (issued, denied, not_found, throttled, transient, failed).',
      labelNames: ['target', 'outcome'],
      registers,
    }),
    outbound: new Counter({
      name: 'carnet_outbound_requests_total',
      help: 'Requests out of Carnet by purpose and outcome (answer, blocked, untrusted, timeout, too_large, redirect, unreachable, overloaded).',
      labelNames: ['purpose', 'outcome'],
      registers,
    }),
    awsPackedPolicy: new Histogram({
      name: 'carnet_aws_packed_policy_percent',
      help: 'How much of what AWS allows the policies and tags of a session fill (PackedPolicySize), percent.',
      buckets: [25, 30, 40, 50, 60, 70, 80, 90, 95, 100],
      registers,
    }),
    auditRecords: new Counter({
      name: 'carnet_audit_records_total',
      help: 'Audit records made durable, by type.',
      labelNames: ['type'],
      registers,
    }),
    auditCommitSeconds: new Histogram({
      name: 'carnet_audit_commit_duration_seconds',
      help: 'Time of one group commit: write and fsync.',
      buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5],
      registers,
    }),
    auditDropped: new Counter({
      name: 'carnet_audit_refusals_dropped_total',
      help: 'Refusal records left out because their bounded share was full; they are in the next summary.',
      registers,
    }),
    resources: new Gauge({
      name: 'carnet_resources',
      help: 'Resources in the current snapshot by kind and state (active, inactive, quarantined).',
      labelNames: ['kind', 'state'],
      registers,
    }),
    resourceFaults: new Gauge({
      name: 'carnet_resource_faults',
      help: 'Faults found at the last reading of the resources.',
      registers,
    }),
    reloads: new Counter({
      name: 'carnet_resource_reloads_total',
      help: 'Readings of the resources by outcome (changed, unchanged, failed).',
      labelNames: ['outcome'],
      registers,
    }),
  };
}
export type Metrics = ReturnType<typeof createMetrics>;
