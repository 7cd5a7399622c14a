import type { EnforcedBy } from '../../core/decision.ts';
import { type Intent, isObjectIntent, type ObjectIntent } from '../intents.ts';
import { type CompiledIntents, claimed } from './compiled-intents.ts';
import type { GcpTarget } from './gcp.ts';

/** Characters that Google takes of an access boundary. */
export const MAX_BOUNDARY_LENGTH = 2048;

const SCOPES = 'https://www.googleapis.com/auth/';
/** Every API that IAM lets the account use. */
export const CLOUD_PLATFORM = `${SCOPES}cloud-platform`;

/** A predefined role that holds what an object intent needs, and whether its condition leaves nothing else of the role. */
interface Holder {
  readonly role: string;
  readonly exact: boolean;
}

/**
 * objectViewer reads and lists: the name of an object is never the resource of a listing, and that of the bucket never
 * that of a reading, so that a condition on the one leaves only the other. No predefined role deletes and does no more.
 */
const HOLDERS: Readonly<Record<ObjectIntent['allow'], Holder>> = {
  'object.read': { role: 'roles/storage.objectViewer', exact: true },
  'object.list': { role: 'roles/storage.objectViewer', exact: true },
  'object.write': { role: 'roles/storage.objectCreator', exact: true },
  'object.delete': { role: 'roles/storage.objectUser', exact: false },
};

/**
 * A Credential Access Boundary where all intents are about objects: it knows Cloud Storage alone, and what it does not
 * name it takes away. All other intents are held by the identity that the mapping names, if its owner says so.
 */
export function compileGcpIntents(target: GcpTarget, intents: readonly Intent[]): CompiledIntents {
  if (target.idToken === undefined && intents.every(isObjectIntent)) return bounded(intents);
  const scopes = target.scopes === undefined && target.idToken === undefined ? scopesFor(intents) : undefined;
  return {
    enforcedBy: intents.map(claimed),
    ...(scopes !== undefined && { narrowing: { kind: 'gcp', scopes } }),
  };
}

function bounded(intents: readonly ObjectIntent[]): CompiledIntents {
  const accessBoundary = JSON.stringify({ accessBoundary: { accessBoundaryRules: intents.map(ruleOf) } });
  const { length } = accessBoundary;
  const oversize = `the access boundary has ${length} characters, and Google takes ${MAX_BOUNDARY_LENGTH}`;
  return {
    enforcedBy: intents.map(
      (intent): EnforcedBy => (HOLDERS[intent.allow].exact ? 'credential-access-boundary' : claimed(intent)),
    ),
    narrowing: { kind: 'gcp', accessBoundary },
    ...(length > MAX_BOUNDARY_LENGTH && { oversize }),
  };
}

function ruleOf(intent: ObjectIntent): object {
  return {
    availableResource: `//storage.googleapis.com/projects/_/buckets/${intent.resource.bucket}`,
    availablePermissions: [`inRole:${HOLDERS[intent.allow].role}`],
    availabilityCondition: { expression: conditionOf(intent) },
  };
}

function conditionOf({ allow, resource: { bucket, prefix = '' } }: ObjectIntent): string {
  const name = `projects/_/buckets/${bucket}`;
  if (allow !== 'object.list') return `resource.name.startsWith('${name}/objects/${prefix}')`;
  // The attribute is '' where nothing is listed, which begins with every empty prefix.
  if (prefix === '') return `resource.name == '${name}'`;
  return `api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith('${prefix}')`;
}

/** The fewest OAuth scopes by which the intents can be had; Google's know no single resource, so they hold to none. */
function scopesFor(intents: readonly Intent[]): readonly string[] {
  const scopes = new Set(intents.map(scopeFor));
  return scopes.has(CLOUD_PLATFORM) ? [CLOUD_PLATFORM] : [...scopes];
}

function scopeFor({ allow }: Intent): string {
  switch (allow) {
    case 'object.read':
    case 'object.list':
      return `${SCOPES}devstorage.read_only`;
    case 'object.write':
    case 'object.delete':
      return `${SCOPES}devstorage.read_write`;
    case 'queue.publish':
    case 'queue.consume':
      return `${SCOPES}pubsub`;
    case 'key.encrypt':
    case 'key.decrypt':
      return `${SCOPES}cloudkms`;
    case 'secret.read':
    case 'image.pull':
      return CLOUD_PLATFORM;
  }
}
