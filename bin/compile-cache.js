import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Loaded before src/main.ts, and JavaScript: then no start after the first one compiles anything or loads what takes the
// types out. The cache is kept beside the packages, never in a shared temporary folder: whoever may write there may
// change the code itself. Where nothing can be written, everything is compiled at each start.
enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/carnet'));
