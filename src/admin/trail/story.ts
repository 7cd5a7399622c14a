import type { AuditRecord } from '../../audit/record.ts';
import type { Explanation } from '../explanation.ts';

/** What the records of one trace tell, oldest first, in sentences for people. */
export function story(records: readonly AuditRecord[]): readonly string[] {
  const lines = records.flatMap((record) => [sentence(record), ...besides(record)]);
  const types = new Set(records.map(({ type }) => type));
  const ended = types.has('issued') || types.has('reused') || types.has('failed');
  if (!types.has('allowed') || ended) return lines;
  return [...lines, 'The log tells no outcome: the request is under way, or the process ended in between.'];
}

/** What the same request would come to now. */
export function todaySentence({ decision, revision }: Explanation, record: AuditRecord): string {
  const when = record.revision === revision ? 'Under the same resources today' : 'Under the resources of today';
  const again = record.type === 'refused' ? (decision.outcome === 'refused' ? 'still be' : 'now be') : 'be';
  const mapping = 'mapping' in decision && decision.mapping !== undefined ? `, by mapping ${decision.mapping}` : '';
  const head = `${when} (${revision}) it would ${again} ${decision.outcome}${mapping}`;
  if ('grant' in decision) return `${head}: ${decision.grant.targetId} for ${decision.grant.ttlSeconds} s.`;
  const failing = 'steps' in decision ? decision.steps.find(({ passed }) => !passed) : undefined;
  return failing === undefined
    ? `${head}: ${decision.detail}.`
    : `${head}, at gate ${failing.step}: ${failing.detail}.`;
}

function sentence(record: AuditRecord): string {
  const { type, at, grant, credential, error, detail, mapping } = record;
  const why = detail === undefined ? '' : `: ${detail}`;
  const until = credential === undefined ? '' : `, good until ${new Date(credential.expiresAt * 1000).toISOString()}`;
  switch (type) {
    case 'allowed':
      return `${asked(record)} Mapping ${mapping} allowed it: ${grant?.target} for ${grant?.ttl} s.`;
    case 'refused':
      return `${asked(record)} ${refusal(record)}`;
    case 'issued':
      return `Credential ${credential?.id} was issued${until}${request(record)}.`;
    case 'reused':
      return `Credential ${credential?.id}, which was held, was handed out${until}${request(record)}.`;
    case 'failed':
      return `Nothing was released at ${at} (${error ?? 'internal'})${why}.`;
    case 'changed':
      return change(record);
    default:
      return `${at} ${type}: ${record.outcome}${why}.`;
  }
}

function asked({ at, issuer, identity, request: wish }: AuditRecord): string {
  const { namespace, serviceAccount, subject, pod } = identity ?? {};
  const name = namespace === undefined ? (subject ?? 'somebody') : `${namespace}/${serviceAccount}`;
  const place = pod === undefined ? '' : `, pod ${pod.name},`;
  return `At ${at} ${name} of ${issuer ?? 'no issuer'}${place} asked for ${wish?.addresses.join(', ') ?? 'nothing'}.`;
}

/** Refusals by policy, and those by a limit, which have no reason. */
function refusal({ mapping, reason, error, detail }: AuditRecord): string {
  const why = detail === undefined ? '' : `: ${detail}`;
  if (reason !== undefined) {
    const who = mapping === undefined ? 'It was refused' : `Mapping ${mapping} selected it and refused`;
    return `${who}, which the caller was told as ${reason}${why}.`;
  }
  if (error === 'target_refused') return `It was refused, and the caller was not told why${why}.`;
  return `It was refused (${error ?? 'refused'})${why}.`;
}

function request({ upstream }: AuditRecord): string {
  return upstream?.requestId === undefined ? '' : `, request ${upstream.requestId} at the target`;
}

/** Of AccessRequests, which no admin changed. */
const ACCESS: Readonly<Record<string, string>> = {
  'access-asked': 'access was asked for',
  'access-void': 'what was approved became void',
};

function change({ at, outcome, admin, detail }: AuditRecord): string {
  if (admin === undefined) {
    return `At ${at} ${ACCESS[outcome] ?? `${outcome} changed`}${detail === undefined ? '' : `: ${detail}`}.`;
  }
  const what = [admin.kind, admin.name].filter((part) => part !== undefined).join(' ');
  const how = outcome === 'admin' ? 'did' : `was refused (${detail ?? outcome})`;
  return `At ${at} ${admin.by.subject} of ${admin.by.issuer} ${how}: ${admin.action} ${what}.`;
}

function besides({ beside = [] }: AuditRecord): readonly string[] {
  return beside.map(({ mode, mapping, outcome, detail }) => {
    const who = mapping === undefined ? 'shadows that are equally specific' : `mapping ${mapping} (${mode})`;
    return `Beside it, ${who} would have ${outcome} it${detail === undefined ? '' : `: ${detail}`}.`;
  });
}
