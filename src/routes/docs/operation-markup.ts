import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { code, escaped, folded, prose } from './markup.ts';
import { fieldTable, row, schemaMarkup } from './schema-markup.ts';

export interface Operation {
  readonly method: string;
  readonly path: string;
  /** What the page calls it, in its address too. */
  readonly id: string;
  readonly described: JsonObject;
}

/** One operation with all that the contract says of it. */
export function operationMarkup({ method, path, id, described }: Operation): string {
  const { summary, description, parameters, requestBody, responses, security } = described;
  const signed = Array.isArray(security) && security.length > 0 ? '<p>Needs a bearer token.</p>' : '';
  return `<article id="${escaped(id)}"><h3><span class="method">${escaped(method.toUpperCase())}</span> <code>${escaped(path)}</code></h3>
${prose(summary)}${prose(description)}${signed}${parametersMarkup(parameters)}${bodyMarkup(requestBody)}${answersMarkup(responses)}</article>`;
}

function parametersMarkup(parameters: unknown): string {
  if (!Array.isArray(parameters) || parameters.length === 0) return '';
  const rows = parameters
    .filter(isJsonObject)
    .map(({ name, in: where, required, schema, description }) =>
      row(String(name), { schema, needed: required === true, where: String(where), means: description }),
    );
  return `<h4>Parameters</h4>${fieldTable(rows)}`;
}

function bodyMarkup(body: unknown): string {
  if (!isJsonObject(body)) return '';
  return `<h4>Body</h4>${prose(body['description'])}${contentMarkup(body['content'])}`;
}

function answersMarkup(responses: unknown): string {
  if (!isJsonObject(responses)) return '';
  const answers = Object.entries(responses).map(([status, answer]) => {
    const { description, content } = isJsonObject(answer) ? answer : {};
    const title = `<strong>${escaped(status)}</strong> ${escaped(String(description ?? ''))}`;
    const inside = contentMarkup(content);
    return inside === '' ? `<p>${title}</p>` : folded(title, inside);
  });
  return `<h4>Answers</h4>${answers.join('')}`;
}

function contentMarkup(content: unknown): string {
  if (!isJsonObject(content)) return '';
  return Object.entries(content)
    .map(([type, media]) => {
      const { schema, examples, example } = isJsonObject(media) ? media : {};
      const given = isJsonObject(examples) ? Object.entries(examples) : [];
      const all: readonly (readonly [string, unknown])[] =
        example === undefined ? given : [['example', { value: example }], ...given];
      const inSchema = isJsonObject(schema) && Array.isArray(schema['examples']) ? schema['examples'] : [];
      return `<p><code>${escaped(type)}</code></p>${schemaMarkup(schema)}${all.map(exampleMarkup).join('')}${inSchema.map(code).join('')}`;
    })
    .join('');
}

function exampleMarkup([name, example]: readonly [string, unknown]): string {
  const { summary, value } = isJsonObject(example) ? example : {};
  return folded(escaped(typeof summary === 'string' ? summary : `Example: ${name}`), code(value));
}
