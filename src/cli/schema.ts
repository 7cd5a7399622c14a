import { resourceJsonSchema } from '../resources/json-schema.ts';
import { ExitCode } from './exit-code.ts';
import type { Surroundings } from './surroundings.ts';

/** `carnet schema`: the JSON Schema of a resource document. */
export function schema({ out }: Surroundings): ExitCode {
  out.write(`${JSON.stringify(resourceJsonSchema(), null, 2)}\n`);
  return ExitCode.ok;
}
