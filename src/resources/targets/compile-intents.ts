import type { EnforcedBy } from '../../core/decision.ts';
import { type Intent, intentText, widerThan } from '../intents.ts';
import { awsIntentFault, compileAwsIntents } from './aws-intents.ts';
import { azureIntentFault, compileAzureIntents } from './azure-intents.ts';
import { type CompiledIntents, claimed, type IntentFault } from './compiled-intents.ts';
import { compileGcpIntents } from './gcp-intents.ts';
import type { TargetSpec } from './target.ts';

/**
 * The tightest thing that the target enforces for the intents, and what enforces each. Whoever is handed an assertion
 * calls the cloud himself, so that only the identity can be narrow.
 */
export function compileIntents(
  target: TargetSpec,
  deliver: 'credentials' | 'assertion',
  intents: readonly Intent[],
): CompiledIntents {
  if (deliver === 'assertion') return { enforcedBy: intents.map(heldByIdentity) };
  switch (target.kind) {
    case 'aws':
      return compileAwsIntents(target.spec, intents);
    case 'gcp':
      return compileGcpIntents(target.spec, intents);
    case 'azure':
      return compileAzureIntents(target.spec, intents);
    case 'oauth':
    case 'jwtSvid':
    case 'x509Svid':
      return { enforcedBy: intents.map(claimed) };
    default:
      return target satisfies never;
  }
}

/** What is wrong with the intent at `at` for this target and beside the others, or undefined. */
export function intentFault(target: TargetSpec, intents: readonly Intent[], at: number): IntentFault | undefined {
  const intent = intents[at];
  if (intent === undefined) return undefined;
  const wider = widerThan(intents, at);
  if (wider !== undefined) {
    return { message: `adds nothing to ${intentText(wider)}`, hint: 'leave it out, or make the other one narrower' };
  }
  if (intent.enforcedBy === 'scope' && (target.kind !== 'oauth' || target.spec.scopes === undefined)) {
    return { message: 'can be enforced by scope only at an OAuth server, by the scopes of the target' };
  }
  if (target.kind === 'aws') return awsIntentFault(target.spec, intent);
  return target.kind === 'azure' ? azureIntentFault(target.spec, intent) : undefined;
}

function heldByIdentity(intent: Intent): EnforcedBy {
  return intent.enforcedBy === 'identity-selection' ? 'identity-selection' : 'none';
}
