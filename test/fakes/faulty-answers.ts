import type { ServerResponse } from 'node:http';

/** What goes wrong with the next answer of a double, short of what only that double can say. */
export type AnswerFault =
  | { readonly kind: 'hang' }
  /** Half of a good answer, then the connection ends. */
  | { readonly kind: 'half' }
  | { readonly kind: 'raw'; readonly status: number; readonly body: string; readonly headers?: Record<string, string> };

/** Sends the fault in place of an answer. */
export function sendFault(response: ServerResponse, fault: AnswerFault): void {
  if (fault.kind === 'hang') return;
  if (fault.kind === 'raw') {
    response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers });
    response.end(fault.body);
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': 4_096 });
  response.write('{"token_type":"Bearer","expires_in":3599,"access_tok', () => response.destroy());
}
