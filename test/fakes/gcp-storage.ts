import type { AccessGrant } from './gcp-access-tokens.ts';
import { STORAGE_ROLES, type StorageRequest } from './gcp-boundary.ts';
import { GcpRefusal, type WireAnswer } from './gcp-wire.ts';

/** Any of these, or the scope for everything, reaches the service; roles decide the rest. */
export const STORAGE_SCOPES = [
  'https://www.googleapis.com/auth/devstorage.full_control',
  'https://www.googleapis.com/auth/devstorage.read_write',
  'https://www.googleapis.com/auth/devstorage.read_only',
];
const OBJECT = /^\/storage\/v1\/b\/([^/]+)\/o\/([^/]+)$/;
const OBJECTS = /^\/storage\/v1\/b\/([^/]+)\/o$/;
const UPLOAD = /^\/upload\/storage\/v1\/b\/([^/]+)\/o$/;

/** A bucket with uniform bucket-level access: only its IAM policy counts. */
export interface GcpBucket {
  readonly name: string;
  /** Role to its members. */
  readonly policy: Readonly<Record<string, readonly string[]>>;
  readonly objects: Readonly<Record<string, string>>;
}

export interface StorageCall {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
}

/** As much of Cloud Storage's JSON API as shows what a token reaches: get, list, insert (media upload) and delete. */
export class GcpStorage {
  readonly #policies: ReadonlyMap<string, GcpBucket['policy']>;
  readonly #objects: ReadonlyMap<string, Map<string, string>>;

  constructor(buckets: readonly GcpBucket[]) {
    this.#policies = new Map(buckets.map(({ name, policy }) => [name, policy]));
    this.#objects = new Map(buckets.map(({ name, objects }) => [name, new Map(Object.entries(objects))]));
  }

  /** Throws GcpRefusal. */
  answer({ method, path, query, body }: StorageCall, caller: AccessGrant): WireAnswer {
    const [, bucket = '', encoded = ''] = OBJECT.exec(path) ?? [];
    const name = decodeURIComponent(encoded);
    if (method === 'GET' && name !== '') return this.#get(caller, bucket, name, query.get('alt') === 'media');
    if (method === 'DELETE' && name !== '') return this.#delete(caller, bucket, name);
    const listed = OBJECTS.exec(path)?.[1];
    if (method === 'GET' && listed !== undefined) return this.#list(caller, listed, query.get('prefix') ?? '');
    const uploaded = UPLOAD.exec(path)?.[1];
    const target = query.get('name') ?? '';
    if (method === 'POST' && uploaded !== undefined && query.get('uploadType') === 'media' && target !== '') {
      return this.#insert(caller, uploaded, target, body);
    }
    throw GcpRefusal.storage('NOT_FOUND', 'notFound', 'Not Found');
  }

  #get(caller: AccessGrant, bucket: string, name: string, isMedia: boolean): WireAnswer {
    this.#assertAllowed(caller, objectRequest('storage.objects.get', bucket, name));
    const content = this.#contents(bucket).get(name);
    if (content === undefined) throw GcpRefusal.storage('NOT_FOUND', 'notFound', `No such object: ${bucket}/${name}`);
    return isMedia ? { status: 200, body: content } : { status: 200, body: JSON.stringify(resource(bucket, name)) };
  }

  #list(caller: AccessGrant, bucket: string, prefix: string): WireAnswer {
    this.#assertAllowed(caller, {
      bucket,
      permission: 'storage.objects.list',
      resourceName: `projects/_/buckets/${bucket}`,
      objectListPrefix: prefix,
    });
    const names = [...this.#contents(bucket).keys()].filter((name) => name.startsWith(prefix)).sort();
    const items = names.map((name) => resource(bucket, name));
    return { status: 200, body: JSON.stringify({ kind: 'storage#objects', ...(items.length > 0 && { items }) }) };
  }

  /** Writing over an object takes the permission to delete it as well. */
  #insert(caller: AccessGrant, bucket: string, name: string, body: string): WireAnswer {
    this.#assertAllowed(caller, objectRequest('storage.objects.create', bucket, name));
    if (this.#contents(bucket).has(name)) {
      this.#assertAllowed(caller, objectRequest('storage.objects.delete', bucket, name));
    }
    this.#contents(bucket).set(name, body);
    return { status: 200, body: JSON.stringify(resource(bucket, name)) };
  }

  #delete(caller: AccessGrant, bucket: string, name: string): WireAnswer {
    this.#assertAllowed(caller, objectRequest('storage.objects.delete', bucket, name));
    if (!this.#contents(bucket).delete(name)) throw GcpRefusal.storage('NOT_FOUND', 'notFound', 'No such object');
    return { status: 204, body: '' };
  }

  #contents(bucket: string): Map<string, string> {
    const objects = this.#objects.get(bucket);
    if (objects === undefined) {
      throw GcpRefusal.storage('NOT_FOUND', 'notFound', 'The specified bucket does not exist.');
    }
    return objects;
  }

  /** The roles of the caller and the boundary of its token have to agree. */
  #assertAllowed({ principals, boundary }: AccessGrant, request: StorageRequest): void {
    const policy = this.#policies.get(request.bucket) ?? {};
    const isGranted = Object.entries(policy).some(
      ([role, members]) =>
        STORAGE_ROLES[role]?.includes(request.permission) === true &&
        members.some((member) => principals.includes(member)),
    );
    if (isGranted && boundary?.(request) !== false) return;
    const message = `Permission '${request.permission}' denied on resource (or it may not exist).`;
    throw GcpRefusal.storage('PERMISSION_DENIED', 'forbidden', message);
  }
}

function objectRequest(permission: string, bucket: string, name: string): StorageRequest {
  return { bucket, permission, resourceName: `projects/_/buckets/${bucket}/objects/${name}` };
}

function resource(bucket: string, name: string) {
  return { kind: 'storage#object', id: `${bucket}/${name}/1`, name, bucket };
}
