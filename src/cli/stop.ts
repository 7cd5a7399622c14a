import { isJsonObject, type JsonObject } from '../core/json.ts';
import { API_VERSION } from '../resources/document.ts';
import { adminClient } from './admin-client.ts';
import { CommandError, ExitCode } from './exit-code.ts';
import { printable, styleOf } from './style.ts';
import type { Surroundings } from './surroundings.ts';

const SUBJECT = /^([a-z0-9-]{1,63})\/([a-z0-9.-]{1,253})$/;
/** Whoever has no namespace might be of any as far as `match` goes, and a stop of one ServiceAccount is not for CI jobs. */
const OF_A_CLUSTER = 'identity.kind == "kubernetes"';

export interface StopOptions {
  readonly all?: boolean;
  readonly issuer?: string;
  readonly mapping?: string;
  readonly subject?: string;
  readonly message: string;
  readonly endpoint?: string;
  readonly tokenFile?: string;
}

/** `carnet stop`: a Guardrail that denies all it matches. Prints its name; resolves to the exit code. */
export async function stop(options: StopOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { clock, env, err, out } = surroundings;
  const match = matchOf(options);
  const client = adminClient(options, surroundings);
  const name = `stop-${new Date(clock.now()).toISOString().replace(/\D/g, '')}`;
  const deny = options.subject === undefined ? 'true' : OF_A_CLUSTER;
  const spec = { ...(match !== undefined && { match }), deny, message: options.message };
  const document = { apiVersion: API_VERSION, kind: 'Guardrail', metadata: { name }, spec };
  const { body } = await client
    .ask({ method: 'PUT', path: `guardrails/${name}`, body: document })
    .catch(nothingStopped);
  const style = styleOf(err, env);
  out.write(`${name}\n`);
  const idle = faultsOf(body['changes']).filter((fault) => fault['name'] === name);
  if (idle.length > 0) {
    const why = idle.flatMap(({ message, mend }) => [message, mend]).filter((part) => typeof part === 'string');
    throw new CommandError(ExitCode.refused, `Guardrail ${name} stops nobody yet: ${printable(why.join('; '))}`);
  }
  const late = body['inForce'] === false ? '; the replica that was asked has not loaded it yet' : '';
  err.write(`${style('red', 'stopped')} by Guardrail ${name}; deleting it ends the stop${late}\n`);
  return ExitCode.ok;
}

/** Whom a stop is for; undefined is everybody. Throws CommandError. */
function matchOf({ all, issuer, mapping, subject }: StopOptions): JsonObject | undefined {
  const issuers = issuer === undefined ? {} : { issuers: [issuer] };
  const wishes = [all, mapping, subject].filter((wish) => wish !== undefined).length;
  if (
    wishes > 1 ||
    (wishes === 0 && issuer === undefined) ||
    (issuer !== undefined && subject === undefined && wishes > 0)
  )
    throw new CommandError(ExitCode.usage, 'say whom to stop: one of --all, --issuer, --mapping, --subject');
  if (all) return undefined;
  if (mapping !== undefined) return { mappings: [mapping] };
  if (subject === undefined) return issuers;
  const [, namespace, serviceAccount] = SUBJECT.exec(subject) ?? [];
  if (namespace === undefined || serviceAccount === undefined) {
    throw new CommandError(ExitCode.usage, '--subject is NAMESPACE/SERVICEACCOUNT');
  }
  return { ...issuers, namespace, serviceAccount };
}

/** What is wrong, or doubtful, since a change. */
function faultsOf(changes: unknown): readonly JsonObject[] {
  const faults = isJsonObject(changes) ? changes['newFaults'] : undefined;
  return Array.isArray(faults) ? faults.filter(isJsonObject) : [];
}

function nothingStopped(error: unknown): never {
  if (!(error instanceof CommandError)) throw error;
  throw new CommandError(error.exitCode, `nothing is stopped: ${error.message}`, { cause: error });
}
