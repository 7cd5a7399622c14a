import { describe, expect, test } from 'vitest';
import { ownClusterOf } from '../../src/config/own-cluster.ts';

const of = (KUBERNETES_SERVICE_HOST?: string, KUBERNETES_SERVICE_PORT?: string) =>
  ownClusterOf({ KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT })?.server;

describe('ownClusterOf', () => {
  test.each([
    ['10.96.0.1', '443', 'https://10.96.0.1'],
    ['10.96.0.1', '6443', 'https://10.96.0.1:6443'],
    ['fd00:10:96::1', '443', 'https://[fd00:10:96::1]'],
    ['kubernetes.default.svc', '443', 'https://kubernetes.default.svc'],
  ])('makes %s and %s an address, IPv6 in brackets (K12)', (host, port, server) => {
    expect(of(host, port)).toBe(server);
  });

  test.each([
    [undefined, '443'],
    ['10.96.0.1', undefined],
    ['', '443'],
    ['10.96.0.1', 'tcp://10.96.0.1:443'],
    ['10.96.0.1', '99999'],
    ['evil.example/x', '443'],
    ['user@evil.example', '443'],
    ['10.96.0.1#', '443'],
  ])('is nothing for %s and %s', (host, port) => {
    expect(of(host, port)).toBeUndefined();
  });
});
