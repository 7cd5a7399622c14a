import { ExitCode } from './exit-code.ts';
import { COSTS, QUOTAS } from './size-costs.ts';
import { type Plan, planFor, type QuotaUse, quotaUse } from './size-plan.ts';
import { styleOf } from './style.ts';
import type { Surroundings } from './surroundings.ts';
import { table } from './table.ts';

export interface SizeOptions {
  readonly pods: number;
  /** Seconds. */
  readonly ttl: number;
  readonly replicasCores: number;
  readonly output: 'table' | 'json';
}

/** `carnet size`: what a fleet of pods will need. Arithmetic on measured costs; nothing is asked or read. */
export function size({ pods, ttl, replicasCores, output }: SizeOptions, { out, env }: Surroundings): ExitCode {
  const demand = { pods, ttlSeconds: ttl, coresPerReplica: replicasCores };
  const aws = planFor('aws', demand);
  const plans = [aws, planFor('jwt-svid', demand)];
  const quotas = QUOTAS.map((quota) => quotaUse(quota, aws.exchangesPerSecond));
  if (output === 'json') {
    out.write(`${JSON.stringify({ demand, plans, quotas, costs: COSTS }, undefined, 2)}\n`);
    return ExitCode.ok;
  }
  const style = styleOf(out, env);
  out.write(table(PLAN_HEADING, plans.map(planRow), style));
  out.write(`\n${table(QUOTA_HEADING, quotas.map(quotaRow), style)}`);
  out.write(`\n${style('dim', `Costs measured on ${COSTS.measuredOn}: ${COSTS.machine}.`)}\n`);
  return ExitCode.ok;
}

const PLAN_HEADING = [
  'for',
  'renewed after',
  'exchanges/s',
  'replicas',
  'rollout, at least',
  'cloud calls/s',
  'audit a month',
];
const QUOTA_HEADING = ['cloud', 'quota of', 'calls/s', 'used', 'as of', 'note'];

function planRow(plan: Plan): readonly string[] {
  return [
    plan.use,
    `${round(plan.refreshSeconds / 60)} min`,
    round(plan.exchangesPerSecond),
    String(plan.replicas),
    `${round(plan.rolloutSeconds)} s`,
    round(plan.cloudCallsPerSecond),
    `${round(plan.auditBytesPerMonth / 1e9)} GB`,
  ];
}

function quotaRow({ cloud, scope, callsPerSecond, share, asOf, note }: QuotaUse): readonly string[] {
  const quota = callsPerSecond === undefined ? 'unknown' : String(callsPerSecond);
  return [cloud, scope, quota, share === undefined ? 'unknown' : `${round(share * 100)} %`, asOf, note];
}

/** Three digits are more than the costs are good for. */
function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
