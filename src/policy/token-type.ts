import type { TokenType } from '../core/token-types.ts';
import type { Terms } from './compiled-mapping.ts';

/** The type to issue: the asked one where the mapping issues it, its own where none is asked (DESIGN section 9). */
export function issuedTokenType({ tokenTypes }: Terms, asked: TokenType | undefined): TokenType | undefined {
  if (asked === undefined) return tokenTypes[0];
  return tokenTypes.includes(asked) ? asked : undefined;
}
