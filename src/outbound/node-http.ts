import { createRequire } from 'node:module';

/**
 * Node's HTTP. An `import` of it by name would read each of its exports and thereby load the whole client behind
 * `WebSocket`, which nobody uses here: 38 ms of every start and 16 MB.
 */
export const http: typeof import('node:http') = createRequire(import.meta.url)('node:http');
