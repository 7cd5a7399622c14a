import { describe, expect, test } from 'vitest';
import { createGaxiosAdapter, type GaxiosRequest } from '../../src/outbound/gaxios-adapter.ts';
import type { OutboundRequest } from '../../src/outbound/outbound.ts';

const form: GaxiosRequest = {
  url: new URL('https://sts.example.org/v1/token'),
  method: 'POST',
  data: new URLSearchParams({ scope: 'a b', subject_token: 'x+y' }),
};

function adapter() {
  const sent: OutboundRequest[] = [];
  const answer = { status: 418, headers: { date: 'today' }, body: Buffer.from('text') };
  const outbound = {
    request: async (request: OutboundRequest) => {
      sent.push(request);
      return answer;
    },
    close: async () => undefined,
  };
  let left = 300;
  const timeoutMs = () => {
    left -= 100;
    return left;
  };
  return { send: createGaxiosAdapter({ outbound, purpose: 'test', maxBytes: 17, timeoutMs }), sent, answer };
}

describe('the adapter for Google\u2019s library', () => {
  test('sends a form by the guarded way out, within what is left of the time, and gives back any answer', async () => {
    const { send, sent, answer } = adapter();
    expect(await send({ ...form, headers: { 'x-goog-api-client': 'gl-node/26' } } as GaxiosRequest)).toBe(answer);
    await send(form);
    expect(sent[0]).toEqual({
      url: 'https://sts.example.org/v1/token',
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: 'scope=a+b&subject_token=x%2By',
      maxBytes: 17,
      timeoutMs: 200,
      purpose: 'test',
    });
    expect(sent[1]?.timeoutMs).toBe(100);
  });

  test.each<[string, GaxiosRequest]>([
    ['another method', { ...form, method: 'GET' }],
    ['no address', { ...form, url: undefined }],
    ['JSON', { ...form, data: { scope: 'a' } }],
    ['text', { ...form, data: 'scope=a' }],
  ])('refuses %s and sends nothing', async (_case, request) => {
    const { send, sent } = adapter();
    await expect(send(request)).rejects.toThrow(TypeError);
    expect(sent).toEqual([]);
  });
});
