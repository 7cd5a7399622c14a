import { randomUUID } from 'node:crypto';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import { ApiRefusal } from './cluster-status.ts';

/** Kinds that the double keeps, by the name of their collection. */
export const COLLECTIONS = [
  'namespaces',
  'nodes',
  'serviceaccounts',
  'pods',
  'secrets',
  'clusterrolebindings',
] as const;
export type Collection = (typeof COLLECTIONS)[number];

const NAMESPACED: readonly Collection[] = ['serviceaccounts', 'pods', 'secrets'];
const DEFAULT_GRACE_SECONDS = 30;

export interface Place {
  readonly collection: Collection;
  readonly name: string;
  /** Of namespaced kinds only. */
  readonly namespace?: string;
}

export interface StoredObject {
  readonly name: string;
  readonly uid: string;
  /** The document as it was sent. */
  readonly sent: JsonObject;
  /** Milliseconds; from a deletion on that waits for the kubelet. */
  readonly deletedAt?: number;
}

/** What an API server stores, as far as tokens look at it (F7): objects with uids that differ after each new creation. */
export class ClusterObjects {
  readonly #now: () => number;
  readonly #objects = new Map<string, StoredObject>();

  constructor(now: () => number) {
    this.#now = now;
  }

  find(place: Place): StoredObject | undefined {
    return this.#objects.get(keyOf(place));
  }

  /** Throws ApiRefusal 404 in the words of an API server. */
  get(place: Place): StoredObject {
    const found = this.find(place);
    if (found === undefined) throw new ApiRefusal(404, `${place.collection} "${place.name}" not found`);
    return found;
  }

  all(collection: Collection): readonly StoredObject[] {
    return [...this.#objects].flatMap(([key, object]) => (key.startsWith(`${collection}/`) ? [object] : []));
  }

  /** Throws ApiRefusal 409 when it exists, 404 when its namespace does not. */
  create(place: Place, sent: JsonObject = {}, uid: string = randomUUID()): StoredObject {
    const { collection, name, namespace } = place;
    if (namespace !== undefined) this.get({ collection: 'namespaces', name: namespace });
    if (this.find(place) !== undefined) {
      throw new ApiRefusal(409, `${collection} "${name}" already exists`, 'AlreadyExists');
    }
    const object = { name, uid, sent };
    this.#objects.set(keyOf(place), object);
    return object;
  }

  /** For tests that want a token and no ceremony: what is missing is made, its namespace too. */
  ensure(place: Place, sent: JsonObject = {}, uid?: string): StoredObject {
    if (place.namespace !== undefined) this.ensure({ collection: 'namespaces', name: place.namespace });
    return this.find(place) ?? this.create(place, sent, uid);
  }

  /** A pod that runs on a node only gets a deletion time, unless it is to go at once: its kubelet would end it. */
  delete(place: Place, graceSeconds = DEFAULT_GRACE_SECONDS): void {
    const object = this.get(place);
    const waits = place.collection === 'pods' && graceSeconds > 0 && specOf(object)['nodeName'] !== undefined;
    if (waits) this.end(place, this.#now() + graceSeconds * 1000);
    else this.#objects.delete(keyOf(place));
  }

  /** Gives it a deletion time and keeps it. */
  end(place: Place, deletedAt = this.#now()): void {
    this.#objects.set(keyOf(place), { ...this.get(place), deletedAt });
  }
}

export function isNamespaced(collection: Collection): boolean {
  return NAMESPACED.includes(collection);
}

export function specOf({ sent }: StoredObject): JsonObject {
  const { spec } = sent;
  return isJsonObject(spec) ? spec : {};
}

function keyOf({ collection, name, namespace = '' }: Place): string {
  return `${collection}/${namespace}/${name}`;
}
