/** Of every document that STS answers with. */
export const STS_NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';

/** Elements by name, in their order; what is undefined is left out. */
export interface Members {
  readonly [name: string]: string | number | Members | undefined;
}

/** An XML element around content that is XML already. */
export function element(name: string, content: string, namespace?: string): string {
  const attribute = namespace === undefined ? '' : ` xmlns="${namespace}"`;
  return `<${name}${attribute}>${content}</${name}>`;
}

/** Elements of texts, escaped, and of elements. */
export function members(values: Members): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => element(name, typeof value === 'object' ? members(value) : escaped(String(value))))
    .join('');
}

function escaped(text: string): string {
  return text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
