import { writeFileSync } from 'node:fs';
import { openApiYaml } from '../src/routes/openapi.ts';

writeFileSync(new URL('../openapi.yaml', import.meta.url), await openApiYaml());
