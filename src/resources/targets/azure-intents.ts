import type { Intent } from '../intents.ts';
import { AZURE_CLOUDS, type AzureTarget } from './azure.ts';
import { type CompiledIntents, claimed, type IntentFault } from './compiled-intents.ts';

const REPOSITORY =
  /^([a-z0-9][a-z0-9-]{2,62}\.(azurecr\.[a-z]+))\/([a-z0-9]+(?:[._-][a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-][a-z0-9]+)*)*)$/;

/** A registry of the target's cloud and a repository in it. */
interface Image {
  readonly host: string;
  readonly repository: string;
}

/** Why the target's cloud has no such resource for the intent, or undefined. */
export function azureIntentFault(target: AzureTarget, intent: Intent): IntentFault | undefined {
  if (intent.allow !== 'image.pull' || imageOf(target, intent) !== undefined) return undefined;
  const { registries } = AZURE_CLOUDS[target.cloud ?? 'public'];
  return { message: `repository must be NAME.${registries}/REPOSITORY, in lower case and without a tag` };
}

/**
 * Entra's tokens know role assignments alone. Only where all intents pull from one registry is the token exchanged for
 * one of that registry, which is good for these repositories; all else is held by the identity, if its owner says so.
 */
export function compileAzureIntents(target: AzureTarget, intents: readonly Intent[]): CompiledIntents {
  const images = intents.map((intent) => imageOf(target, intent));
  const [first] = images;
  if (first === undefined || images.some((image) => image?.host !== first.host)) {
    return { enforcedBy: intents.map(claimed) };
  }
  const repositories = images.flatMap((image) => (image === undefined ? [] : [image.repository]));
  return {
    enforcedBy: intents.map(() => 'registry-token'),
    narrowing: { kind: 'azure', registry: { host: first.host, repositories } },
  };
}

function imageOf(target: AzureTarget, intent: Intent): Image | undefined {
  if (intent.allow !== 'image.pull') return undefined;
  const [, host, domain, repository] = REPOSITORY.exec(intent.resource.repository) ?? [];
  const isOfCloud = domain === AZURE_CLOUDS[target.cloud ?? 'public'].registries;
  return isOfCloud && host !== undefined && repository !== undefined ? { host, repository } : undefined;
}
