import { describe, expect, test } from 'vitest';
import { type AzureTarget, azureScopeOf, azureTarget } from '../../../src/resources/targets/azure.ts';
import { azureIntentFault, compileAzureIntents } from '../../../src/resources/targets/azure-intents.ts';
import { addressesOf } from '../../../src/resources/targets/target.ts';
import { intended } from '../../support/compiling.ts';

const TENANT = '11111111-1111-1111-1111-111111111111';
const CLIENT = '22222222-2222-2222-2222-222222222222';
const STORAGE = 'https://storage.azure.com/.default';
const VAULT = 'https://vault.azure.net/.default';

function azure(changes: object = {}): AzureTarget {
  return azureTarget.parse({ tenant: TENANT, clientId: CLIENT, scopes: [STORAGE], ...changes });
}

describe('intents at Azure (clouds.md 4)', () => {
  test('that pull from one registry are a token of that registry for these repositories', () => {
    expect(
      compileAzureIntents(
        azure(),
        intended('image.pull:acme5.azurecr.io/team/app', 'image.pull:acme5.azurecr.io/base'),
      ),
    ).toEqual({
      enforcedBy: ['registry-token', 'registry-token'],
      narrowing: { kind: 'azure', registry: { host: 'acme5.azurecr.io', repositories: ['team/app', 'base'] } },
    });
  });

  test.each([
    [['image.pull:acme5.azurecr.io/app', 'image.pull:other.azurecr.io/app']],
    [['image.pull:acme5.azurecr.io/app', 'secret.read:db']],
    [['secret.read:db', 'image.pull:acme5.azurecr.io/app']],
    [['object.write:telemetry']],
  ])('%j are enforced by nothing: one token cannot be of two registries, nor Entra’s narrowed', (words) => {
    expect(compileAzureIntents(azure(), intended(...words))).toEqual({ enforcedBy: words.map(() => 'none') });
  });

  test('are held by the application where their owner says so', () => {
    const list = intended('secret.read:db').map((one) => ({ ...one, enforcedBy: 'identity-selection' as const }));
    expect(compileAzureIntents(azure(), list).enforcedBy).toEqual(['identity-selection']);
  });

  test.each([
    ['acme5.azurecr.io/team/app', undefined, true],
    ['acme-0a1b.azurecr.io/team/app', undefined, true],
    ['acme5.azurecr.cn/team/app', 'china', true],
    ['acme5.azurecr.us/team/app', 'usGovernment', true],
    ['acme5.azurecr.us/team/app', undefined, false],
    ['acme5.azurecr.io', undefined, false],
    ['team/app', undefined, false],
    ['acme5.azurecr.io.evil.example/app', undefined, false],
    ['evil.example/acme5.azurecr.io/app', undefined, false],
    ['acme5.azurecr.io/app:latest', undefined, false],
  ])('%s in cloud %s is a repository of a registry there: %s', (repository, cloud, expected) => {
    const [intent] = intended(`image.pull:${repository}`);
    if (intent === undefined) throw new Error('no intent');
    const fault = azureIntentFault(azure(cloud === undefined ? {} : { cloud }), intent);
    expect(fault === undefined).toBe(expected);
    if (!expected) expect(fault?.message).toMatch(/^repository must be NAME\.azurecr\.[a-z]+\/REPOSITORY/);
  });
});

describe('scopes of an Azure target', () => {
  const address = (scope: string) => `azure:${TENANT}:${CLIENT}:${scope}`;

  test('is one: the name, the client and the scope itself mean it', () => {
    const addresses = addressesOf('blob', ['b'], { kind: 'azure', spec: azure() });
    expect(addresses).toEqual(['blob', 'b', CLIENT, `api://${CLIENT}`, address(STORAGE)]);
    for (const one of addresses) expect(azureScopeOf(azure(), one)).toBe(STORAGE);
  });

  test('are two: each by its own address, and a name that would choose none is not one', () => {
    const target = azure({ scopes: [STORAGE, VAULT] });
    expect(addressesOf('blob', ['b'], { kind: 'azure', spec: target })).toEqual([address(STORAGE), address(VAULT)]);
    expect(azureScopeOf(target, address(VAULT))).toBe(VAULT);
    expect(azureScopeOf(target, 'blob')).toBeUndefined();
  });

  test.each([
    [[STORAGE], true],
    [['api://33333333-3333-3333-3333-333333333333/.default'], true],
    [['https://storage.azure.com/'], false],
    [['https://storage.azure.com/.default https://vault.azure.net/.default'], false],
    [['https://storage.azure.com/.default\n'], false],
    [['/.default'], false],
    [[STORAGE, STORAGE], false],
  ])('%j: %s, for a token is for one resource', (scopes, expected) => {
    expect(azureTarget.safeParse({ tenant: TENANT, clientId: CLIENT, scopes }).success).toBe(expected);
  });
});
