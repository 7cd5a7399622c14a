import { createServer } from 'node:http';

// The least that a Node server can be, what a cold start is compared with: JavaScript, so that no type is stripped.
const server = createServer((_request, response) => response.end()).listen(0, '127.0.0.1', () => {
  process.stderr.write(`listening http://127.0.0.1:${server.address().port}\n`);
});
