/** Text for the inside of an element or of a quoted attribute. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** One paragraph; what stands between backquotes is code. */
export function prose(text: unknown): string {
  if (typeof text !== 'string' || text === '') return '';
  return `<p>${escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>')}</p>`;
}

/** What a reader opens when it is wanted. */
export function folded(title: string, inside: string): string {
  return `<details><summary>${title}</summary>${inside}</details>`;
}

export function code(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value, undefined, 2);
  return `<pre tabindex="0"><code>${escaped(text)}</code></pre>`;
}
