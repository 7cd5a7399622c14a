import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { StartRefused } from '../../src/catalog/start-refused.ts';
import { CommandError } from '../../src/cli/exit-code.ts';
import { type CreateService, type Service, serve } from '../../src/cli/serve.ts';
import { ConfigFaults } from '../../src/config/config-faults.ts';
import type { Fault } from '../../src/resources/document.ts';
import { StoreFault } from '../../src/store/store-fault.ts';
import { FakeSurroundings } from './fake-surroundings.ts';
import { CARNET_YAML, installation } from './temporary-installation.ts';

const DOORS = [{ door: 'all', url: 'http://127.0.0.1:8080' }];

class FakeService implements Service {
  closed = 0;
  mappings = 0;
  faults: readonly Fault[] = [];
  draining = Promise.withResolvers<void>();

  constructor() {
    this.draining.resolve();
  }

  async start() {
    return DOORS;
  }

  async close() {
    this.closed += 1;
    await this.draining.promise;
  }

  summary() {
    return { mappings: this.mappings, faults: this.faults };
  }
}

function around(yaml = CARNET_YAML): FakeSurroundings {
  return new FakeSurroundings({ workingDirectory: installation({ 'carnet.yaml': yaml }) });
}

const start = (surroundings: FakeSurroundings, create: CreateService) =>
  serve({ config: 'carnet.yaml' }, surroundings, create);

describe('carnet serve', () => {
  test('says issuer, discovery, doors, development and that nothing is mapped', async () => {
    const surroundings = around();
    const service = new FakeService();
    const ended = start(surroundings, async () => service);
    await surroundings.until(({ stderr }) => stderr.includes('is running'));
    for (const part of [
      'http://127.0.0.1:8080/.well-known/openid-configuration',
      'all doors',
      'no mappings: every exchange is refused',
      'development: not for production',
    ]) {
      expect(surroundings.stderr).toContain(part);
    }
    surroundings.send('SIGTERM');
    expect(await ended).toBe(0);
    expect(service.closed).toBe(1);
    expect(surroundings.stdout).toBe('');
  });

  test('counts mappings and lists faults that did not stop it', async () => {
    const surroundings = around();
    const service = new FakeService();
    service.mappings = 3;
    service.faults = [{ source: '/r/a.yaml', line: 7, field: 'spec.ttl', message: 'must be less', severity: 'error' }];
    const ended = start(surroundings, async () => service);
    await surroundings.until(({ stderr }) => stderr.includes('is running'));
    expect(surroundings.stderr).toMatch(/mappings +3\n/);
    expect(surroundings.stderr).toMatch(/error +\/r\/a\.yaml:7 +spec\.ttl +must be less/);
    expect(surroundings.stderr).not.toContain('every exchange is refused');
    surroundings.send('SIGINT');
    expect(await ended).toBe(0);
  });

  test('drains at the first signal and ends at once at the second', async () => {
    const surroundings = around();
    const service = new FakeService();
    service.draining = Promise.withResolvers<void>();
    const ended = start(surroundings, async () => service);
    await surroundings.until(({ stderr }) => stderr.includes('is running'));
    surroundings.send('SIGTERM');
    await surroundings.until(({ stderr }) => stderr.includes('second signal'));
    expect(surroundings.exitedWith).toBeUndefined();
    surroundings.send('SIGTERM');
    expect(surroundings.exitedWith).toBe(143);
    service.draining.resolve();
    await ended;
  });

  test('drains when its terminal is closed, however often it is told so', async () => {
    const surroundings = around();
    const service = new FakeService();
    service.draining = Promise.withResolvers<void>();
    const ended = start(surroundings, async () => service);
    await surroundings.until(({ stderr }) => stderr.includes('is running'));
    surroundings.send('SIGHUP');
    await surroundings.until(({ stderr }) => stderr.includes('second signal'));
    surroundings.send('SIGHUP');
    expect(surroundings.exitedWith).toBeUndefined();
    surroundings.send('SIGTERM');
    expect(surroundings.exitedWith).toBe(143);
    service.draining.resolve();
    expect(await ended).toBe(0);
  });

  test('a signal while it starts ends it after the start, cleanly', async () => {
    const surroundings = around();
    const service = new FakeService();
    const created = Promise.withResolvers<Service>();
    const ended = start(surroundings, () => created.promise);
    surroundings.send('SIGTERM');
    created.resolve(service);
    expect(await ended).toBe(0);
    expect(service.closed).toBe(1);
  });

  test('ends with 78 and every fault of the configuration before anything is created', async () => {
    const surroundings = around('issuer: ftp://example.org\nresourcess: []\n');
    const create: CreateService = () => Promise.reject(new Error('was created'));
    await expect(start(surroundings, create)).rejects.toThrow(/issuer[\s\S]*resourcess|resourcess[\s\S]*issuer/);
    await expect(start(surroundings, create)).rejects.toMatchObject({ exitCode: 78 });
  });

  test('ends with 78 and a table of the resources that stop the start', async () => {
    const fault: Fault = {
      source: '/r/i.yaml',
      line: 3,
      field: 'spec.issuer',
      message: 'is required',
      severity: 'error',
    };
    const create: CreateService = () => Promise.reject(new StartRefused([fault]));
    const error = await start(around(), create).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CommandError);
    expect(error).toMatchObject({
      exitCode: 78,
      message: expect.stringMatching(/\/r\/i\.yaml:3 +spec\.issuer +is required/),
    });
  });

  test('ends with 78 in the words of the store when that cannot be used', async () => {
    const create: CreateService = () => Promise.reject(new StoreFault('store.sqlite.path: is read-only'));
    await expect(start(around(), create)).rejects.toMatchObject({
      exitCode: 78,
      message: 'store.sqlite.path: is read-only',
    });
  });

  test('ends with 78 and names the field of a file of the configuration that cannot be used', async () => {
    const faults = [{ path: 'listeners.public.tls.certFile', message: 'holds no certificates in PEM' }];
    const create: CreateService = () => Promise.reject(new ConfigFaults(faults));
    await expect(start(around(), create)).rejects.toMatchObject({
      exitCode: 78,
      message: 'configuration: listeners.public.tls.certFile: holds no certificates in PEM',
    });
  });

  test('ends with 69 when the port is taken, and closes what it had opened', async () => {
    const service = new FakeService();
    service.start = () => {
      const taken = new Error('listen EADDRINUSE: address already in use 127.0.0.1:8080');
      return Promise.reject(Object.assign(taken, { code: 'EADDRINUSE', syscall: 'listen' }));
    };
    await expect(start(around(), async () => service)).rejects.toMatchObject({
      exitCode: 69,
      message: expect.stringMatching(
        /in use 127\.0\.0\.1:8080; free the address, or change it in listen or listeners$/,
      ),
    });
    expect(service.closed).toBe(1);
  });

  test('ends with 78 and names a file of the configuration that cannot be opened', async () => {
    const absent = Object.assign(new Error('ENOENT: no such file'), {
      code: 'ENOENT',
      syscall: 'open',
      path: '/tls.key',
    });
    const create: CreateService = () => Promise.reject(absent);
    await expect(start(around(), create)).rejects.toMatchObject({
      exitCode: 78,
      message: 'cannot open /tls.key (ENOENT)',
    });
  });

  test('ends with 78 and names audit.directory where it cannot be made or written', async () => {
    const surroundings = around();
    const directory = join(surroundings.workingDirectory, 'audit');
    const locked = (path: string) =>
      Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES', syscall: 'mkdir', path });
    const create: CreateService = () => Promise.reject(locked(join(directory, 'carnet')));
    await expect(start(surroundings, create)).rejects.toMatchObject({
      exitCode: 78,
      message: `audit.directory: ${directory}/carnet cannot be used (EACCES); Carnet's user has to own ${directory}`,
    });
    const above = () => Promise.reject(locked(surroundings.workingDirectory));
    await expect(start(surroundings, above)).rejects.toMatchObject({ exitCode: 78 });
    const elsewhere = locked(`${directory}-elsewhere`);
    await expect(start(surroundings, () => Promise.reject(elsewhere))).rejects.toBe(elsewhere);
  });

  test('ends with 78 where the host of a listener has no address', async () => {
    const unknown = Object.assign(new Error('getaddrinfo ENOTFOUND nosuch.invalid'), {
      code: 'ENOTFOUND',
      syscall: 'getaddrinfo',
    });
    await expect(start(around(), () => Promise.reject(unknown))).rejects.toMatchObject({
      exitCode: 78,
      message: 'cannot listen: getaddrinfo ENOTFOUND nosuch.invalid; mend the host of the listener',
    });
  });

  test('passes a defect on as it is, so that it does not look like a mistake of whoever runs it', async () => {
    const create: CreateService = () => Promise.reject(new TypeError('a defect'));
    await expect(start(around(), create)).rejects.toBeInstanceOf(TypeError);
  });
});
