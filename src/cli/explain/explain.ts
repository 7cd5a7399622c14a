import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { type AdminOptions, adminClient } from '../admin-client.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { printableJson, styleOf } from '../style.ts';
import { tokenOfFile } from '../subject-token.ts';
import type { Surroundings } from '../surroundings.ts';
import { explanationText } from './explanation-text.ts';

export interface ExplainOptions extends AdminOptions {
  readonly address: string;
  readonly subjectTokenFile?: string;
  readonly issuer?: string;
  readonly namespace?: string;
  readonly serviceAccount?: string;
  readonly pod?: string;
  readonly claims?: string;
  readonly scope?: string;
  readonly ttl?: number;
  readonly requestedTokenType?: string;
  readonly output: 'text' | 'json';
}

/** `carnet explain`: what would become of a request, gate by gate. Resolves to the exit code, whatever the decision is. */
export async function explain(options: ExplainOptions, surroundings: Surroundings): Promise<ExitCode> {
  const client = adminClient(options, surroundings);
  const body = await questionOf(options, surroundings);
  const answer = await client.ask({ method: 'POST', path: 'explain', body });
  const { out, env } = surroundings;
  out.write(
    options.output === 'json' ? `${printableJson(answer.body, 2)}\n` : explanationText(answer.body, styleOf(out, env)),
  );
  return ExitCode.ok;
}

async function questionOf(options: ExplainOptions, surroundings: Surroundings): Promise<JsonObject> {
  const { address, scope, ttl, requestedTokenType, subjectTokenFile, issuer } = options;
  const ask = {
    address,
    ...(scope !== undefined && { scope }),
    ...(ttl !== undefined && { ttlSeconds: ttl }),
    ...(requestedTokenType !== undefined && { requestedTokenType }),
  };
  const { namespace, serviceAccount, pod, claims } = options;
  const isStated = [issuer, namespace, serviceAccount, pod, claims].some((attribute) => attribute !== undefined);
  if (subjectTokenFile === undefined ? issuer === undefined : isStated) {
    throw new CommandError(
      ExitCode.usage,
      'say whom to explain: --subject-token-file FILE, or --issuer NAME and who it is',
    );
  }
  if (subjectTokenFile === undefined) return { ...ask, identity: stated(options, issuer ?? '') };
  return { ...ask, token: (await tokenOfFile(subjectTokenFile, surroundings)).reveal() };
}

/** Attributes in the place of a token. */
function stated({ namespace, serviceAccount, pod, claims }: ExplainOptions, issuer: string): JsonObject {
  return {
    issuer,
    ...(namespace !== undefined && { namespace }),
    ...(serviceAccount !== undefined && { serviceAccount }),
    ...(pod !== undefined && { pod }),
    ...(claims !== undefined && { claims: claimsIn(claims) }),
  };
}

function claimsIn(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) return value;
  } catch {
    // The text may hold what nobody else should read.
  }
  throw new CommandError(ExitCode.usage, '--claims must be a JSON object');
}
