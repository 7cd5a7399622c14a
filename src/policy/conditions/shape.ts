import type { ConditionFault } from './condition.ts';
import { type Expression, partsOf } from './expression.ts';

/** Bytes of UTF-8. */
const MAX_BYTES = 4096;
/** Brackets in one another, those in texts counted too. */
const MAX_BRACKETS = 32;
/** Expressions in one another: as deep as anything that walks them has to go. */
export const MAX_DEPTH = 32;
const MAX_NODES = 1000;

/** What keeps a text from being parsed at all. Takes one pass over it, whatever it is. */
export function textFault(text: string): ConditionFault | undefined {
  if (text.length > MAX_BYTES || Buffer.byteLength(text) > MAX_BYTES) {
    return { offset: 0, message: `is longer than ${MAX_BYTES} bytes` };
  }
  let open = 0;
  for (let offset = 0; offset < text.length; offset += 1) {
    if ('([{'.includes(text.charAt(offset))) open += 1;
    else if (')]}'.includes(text.charAt(offset))) open = Math.max(0, open - 1);
    if (open > MAX_BRACKETS) return { offset, message: `brackets stand in one another more than ${MAX_BRACKETS} deep` };
  }
  return undefined;
}

/** What keeps an expression from being checked: its size. Its depth is bounded where it is read. */
export function sizeFault(expression: Expression): ConditionFault | undefined {
  return nodesOf(expression) <= MAX_NODES
    ? undefined
    : { offset: expression.offset, message: `has more than ${MAX_NODES} parts` };
}

function nodesOf(expression: Expression): number {
  return partsOf(expression).reduce((sum, part) => sum + nodesOf(part), 1);
}
