import type { Catalog } from '../../catalog/catalog.ts';
import { mappingVersionOf } from '../../resources/access-request.ts';
import type { ValidDocument } from '../../resources/document.ts';
import type { FederationMappingSpec } from '../../resources/federation-mapping.ts';
import type { JustInTime } from '../../resources/just-in-time.ts';

/** A mapping that gives nothing but approved access. */
export interface JustInTimeMapping {
  readonly name: string;
  readonly owner: FederationMappingSpec['owner'];
  /** As AccessRequests name it. */
  readonly version: string;
  readonly access: JustInTime;
  readonly document: ValidDocument;
}

/** Those that are in force now, by name: none that is faulty. */
export class JustInTimeMappings {
  readonly #catalog: Pick<Catalog, 'loaded'>;
  /** Of the last resources that were asked about: there may be very many. */
  #last: { readonly of: unknown; readonly byName: ReadonlyMap<string, JustInTimeMapping> } | undefined;

  constructor(catalog: Pick<Catalog, 'loaded'>) {
    this.#catalog = catalog;
  }

  get(name: string): JustInTimeMapping | undefined {
    const { accepted } = this.#catalog.loaded().compiled;
    if (this.#last?.of !== accepted) this.#last = { of: accepted, byName: found(accepted) };
    return this.#last.byName.get(name);
  }
}

function found(accepted: readonly ValidDocument[]): ReadonlyMap<string, JustInTimeMapping> {
  const mappings = new Map<string, JustInTimeMapping>();
  for (const document of accepted) {
    if (document.kind !== 'FederationMapping' || document.spec.access === 'standing') continue;
    const { name, spec } = document;
    const { justInTime: access } = document.spec.access;
    mappings.set(name, { name, owner: spec.owner, version: mappingVersionOf(spec), access, document });
  }
  return mappings;
}
