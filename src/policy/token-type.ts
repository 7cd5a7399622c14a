import { TokenType } from '../core/token-types.ts';
import { TARGETS } from '../resources/targets/target.ts';
import type { Terms } from './compiled-mapping.ts';

/** The type to issue: the asked one where the mapping issues it, its own where none is asked (DESIGN section 9). */
export function issuedTokenType({ target, deliver }: Terms, asked: TokenType | undefined): TokenType | undefined {
  const types: readonly TokenType[] = deliver === 'assertion' ? [TokenType.jwt] : TARGETS[target.kind].tokenTypes;
  if (asked === undefined) return types[0];
  return types.includes(asked) ? asked : undefined;
}
