import type { Loaded } from '../catalog/load-resources.ts';
import type { Document } from '../resources/document.ts';
import type { AdminKind } from './change/edit.ts';
import { isStored, type ResourceView, viewsOf } from './resource-view.ts';

export interface ListQuery {
  readonly limit: number;
  /** Name after which to go on. */
  readonly after?: string | undefined;
  /** A label and its value. */
  readonly label?: readonly [string, string] | undefined;
  readonly source?: 'file' | 'store' | undefined;
}

interface Sight {
  /** What the reader may see. */
  readonly admits: (document: Document) => boolean;
}

/** One page. */
export interface ResourceList {
  readonly items: readonly ResourceView[];
  /** The name after which more follow. */
  readonly next?: string;
}

/** By name, ascending. Twins of one name stay on one page. */
export function listed(loaded: Loaded, kind: AdminKind, query: ListQuery & Sight): ResourceList {
  const found = loaded.documents
    .filter((one) => one.kind === kind && fits(one, query) && query.admits(one))
    .sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)) || Number(isStored(a)) - Number(isStored(b)));
  const page = found.slice(0, query.limit);
  const last = page.at(-1)?.name;
  const whole = found.filter((one, index) => index < query.limit || one.name === last);
  return {
    items: whole.map(viewsOf(loaded)),
    ...(last !== undefined && whole.length < found.length && { next: last }),
  };
}

function fits(one: Document, { after, label, source }: ListQuery): boolean {
  if (after !== undefined && one.name <= after) return false;
  if (source !== undefined && isStored(one) !== (source === 'store')) return false;
  return label === undefined || (Object.hasOwn(one.labels, label[0]) && one.labels[label[0]] === label[1]);
}
