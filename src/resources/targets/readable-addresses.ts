import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { azureClientNames, azureRequestAddress } from './azure.ts';

const MAX_LENGTH = 2048;
const MAX_COUNT = 64;

/** What can be read of the addresses of a mapping whose spec is not valid. */
export interface ReadableAddresses {
  /** What its cloud or server calls it. */
  readonly native: readonly string[];
  /** Audiences of SVIDs, which are addresses too. */
  readonly audiences: readonly string[];
  /** False where the target names several audiences, so that the mapping's own name would not choose one. */
  readonly byName: boolean;
}

/** Addresses of a `target` that its schema refuses: each that is a text of a sane length, whatever is wrong beside it. */
export function readableAddresses(target: unknown): ReadableAddresses {
  if (!isJsonObject(target)) return { native: [], audiences: [], byName: true };
  const audiences = texts(member(target, 'jwtSvid')['audiences']);
  const azure = member(target, 'azure');
  const clientIds = texts(azure['clientId']);
  const scopes = texts(azure['scopes']);
  const native = [
    ...texts(member(target, 'aws')['roleArn']),
    ...texts(member(target, 'gcp')['provider']),
    ...clientIds.flatMap((clientId) => azureClientNames({ clientId })),
    ...texts(azure['tenant']).flatMap((tenant) =>
      clientIds.flatMap((id) => scopes.map((scope) => azureRequestAddress(tenant, id, scope))),
    ),
    ...texts(member(target, 'oauth')['issuer']),
  ];
  return { native, audiences, byName: audiences.length < 2 };
}

/** The texts of a value that should be one or a list of them. */
export function texts(value: JsonValue | undefined): readonly string[] {
  const list: readonly (JsonValue | undefined)[] = Array.isArray(value) ? value.slice(0, MAX_COUNT) : [value];
  return list.filter((one) => typeof one === 'string').filter((one) => one !== '' && one.length <= MAX_LENGTH);
}

function member(target: JsonObject, kind: string): JsonObject {
  const value = Object.hasOwn(target, kind) ? target[kind] : undefined;
  return isJsonObject(value) ? value : {};
}
