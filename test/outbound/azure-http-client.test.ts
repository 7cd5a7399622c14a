import { describe, expect, test } from 'vitest';
import { createAzureHttpClient } from '../../src/outbound/azure-http-client.ts';
import { OutboundError, type OutboundRequest } from '../../src/outbound/outbound.ts';

function client(outcome: number | Error) {
  const requests: OutboundRequest[] = [];
  const http = createAzureHttpClient({
    outbound: {
      request: async (request) => {
        requests.push(request);
        if (outcome instanceof Error) throw outcome;
        return { status: outcome, headers: { 'x-ms-request-id': 'id' }, body: Buffer.from('{"a":"ä"}') };
      },
      close: async () => undefined,
    },
    url: 'https://login.example/tenant/token',
    fields: ['scope', 'client_id'],
    purpose: 'azure',
    maxBytes: 1_024,
    timeoutMs: () => 77,
  });
  return { http, requests };
}

describe('the way out of an Azure SDK', () => {
  test('is one POST to the place it was built for, with the fields it was built for and no header of the SDK', async () => {
    const { http, requests } = client(200);
    const request = {
      method: 'POST',
      url: 'https://westeurope.login.microsoft.com/tenant/token',
      headers: { authorization: 'x' },
      body: 'client_id=a%2Bb&scope=c+d&x-client-os=linux&scope2=e',
    };
    const answer = await http.sendRequest(request);
    expect(answer).toMatchObject({ request, status: 200, bodyAsText: '{"a":"ä"}' });
    expect(requests).toEqual([
      {
        url: 'https://login.example/tenant/token',
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: 'client_id=a%2Bb&scope=c+d',
        maxBytes: 1_024,
        timeoutMs: 77,
        purpose: 'azure',
      },
    ]);
    expect((await http.answer())?.headers).toEqual({ 'x-ms-request-id': 'id' });
  });

  test('shows the SDK no header of the answer', async () => {
    const { headers } = await client(200).http.sendRequest({ method: 'POST', body: '' });
    headers.set('a', 'b');
    headers.delete('a');
    expect([headers.get('x-ms-request-id'), headers.has('a'), headers.toJSON(), [...headers]]).toEqual([
      undefined,
      false,
      {},
      [],
    ]);
  });

  test.each([
    ['a GET', { method: 'GET', body: 'a=b' }],
    ['a body that is no text', { method: 'POST', body: new Uint8Array(1) }],
    ['no body', { method: 'POST' }],
  ])('is closed to %s: nothing is sent', async (_case, request) => {
    const { http, requests } = client(200);
    await expect(http.sendRequest(request)).rejects.toThrow('one POST');
    expect(requests).toEqual([]);
    expect(http.answer()).toBeUndefined();
  });

  test('is closed to a second request, also after a first that failed', async () => {
    for (const outcome of [200, 500]) {
      const { http, requests } = client(outcome);
      await http.sendRequest({ method: 'POST', body: '' }).catch(() => undefined);
      await expect(http.sendRequest({ method: 'POST', body: '' })).rejects.toThrow('one POST');
      expect(requests).toHaveLength(1);
    }
  });

  test('keeps every answer but HTTP 200 from the SDK, and has it for whoever built the client', async () => {
    for (const status of [201, 400, 503]) {
      const { http } = client(status);
      const thrown = await http.sendRequest({ method: 'POST', body: '' }).catch((error: unknown) => error);
      expect(String(thrown)).toBe('Error: the answer is not for the SDK');
      expect((await http.answer())?.status).toBe(status);
    }
  });

  test("passes Outbound's error on to both", async () => {
    const error = new OutboundError('timeout', 'login.example did not answer');
    const { http } = client(error);
    await expect(http.sendRequest({ method: 'POST', body: '' })).rejects.toBe(error);
    await expect(http.answer()).rejects.toBe(error);
  });
});
