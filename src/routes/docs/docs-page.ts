import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { escaped, prose } from './markup.ts';
import { type Operation, operationMarkup } from './operation-markup.ts';
import { schemaMarkup } from './schema-markup.ts';
import { STYLE } from './style.ts';

const METHODS: readonly string[] = ['get', 'put', 'post', 'delete', 'patch', 'head', 'options', 'trace'];

/** An OpenAPI document as one HTML page for people: whole, without a script, and without a request to anywhere. */
export function docsPage(document: JsonObject): string {
  const { info, components, tags } = document;
  const { title, version, description } = isJsonObject(info) ? info : {};
  const doors = doorsOf(tags, operationsOf(document['paths']));
  const schemas = isJsonObject(components) && isJsonObject(components['schemas']) ? components['schemas'] : {};
  const links = doors.map(
    ({ name, operations }) =>
      `<h2>${escaped(name)}</h2><ul>${operations.map(({ id, method, path }) => `<li><a href="#${escaped(id)}"><span class="method">${escaped(method.toUpperCase())}</span> ${escaped(path)}</a></li>`).join('')}</ul>`,
  );
  const sections = doors.map(
    ({ name, means, operations }) =>
      `<section><h2>${escaped(name)}</h2>${prose(means)}${operations.map(operationMarkup).join('')}</section>`,
  );
  const shapes = Object.entries(schemas).map(
    ([name, schema]) =>
      `<article id="schema-${escaped(name)}"><h3>${escaped(name)}</h3>${schemaMarkup(schema)}</article>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(String(title))}: HTTP API</title><style>${STYLE}</style></head>
<body><a class="skip" href="#content">To the content</a><div class="page"><nav aria-label="Operations">${links.join('')}<h2>Shapes</h2><ul><li><a href="#shapes">All shapes</a></li></ul></nav>
<main id="content"><h1>${escaped(String(title))}</h1><p>HTTP API, ${escaped(String(version))}</p>${prose(description)}
${sections.join('\n')}<section id="shapes"><h2>Shapes</h2>${shapes.join('')}</section></main></div></body></html>
`;
}

/** Every operation, in the order of the document. */
function operationsOf(paths: unknown): readonly Operation[] {
  return Object.entries(isJsonObject(paths) ? paths : {}).flatMap(([path, item]) =>
    Object.entries(isJsonObject(item) ? item : {}).flatMap(([method, described]) => {
      if (!METHODS.includes(method) || !isJsonObject(described)) return [];
      const id = typeof described['operationId'] === 'string' ? described['operationId'] : `${method}${path}`;
      return [{ method, path, id, described }];
    }),
  );
}

function doorsOf(tags: unknown, operations: readonly Operation[]) {
  const byTag = Map.groupBy(operations, ({ described: { tags: own } }) =>
    Array.isArray(own) ? String(own[0]) : 'other',
  );
  const means = new Map(
    (Array.isArray(tags) ? tags : []).filter(isJsonObject).map((tag) => [String(tag['name']), tag['description']]),
  );
  const names = new Set([...means.keys(), ...byTag.keys()]);
  return [...names].flatMap((name) => {
    const own = byTag.get(name) ?? [];
    return own.length === 0 ? [] : [{ name, means: means.get(name), operations: own }];
  });
}
