import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { Fault } from '../../resources/document.ts';
import { AZURE_CLOUDS } from '../../resources/targets/azure.ts';
import { hclName, hclText, shellWord } from '../written.ts';
import { canonical, type Difference, differences, type Part } from './part.ts';
import { lint, namesOf, subjectOf, type Trusting } from './trusting.ts';

/** Federated identity credentials of one application or managed identity. */
const MAX_CREDENTIALS = 20;
const MAX_TEXT = 600;
const NAME = /^[A-Za-z0-9][-_A-Za-z0-9]{2,119}$/;

interface Desired {
  readonly name: string;
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
}

/** What Entra must hold: for each application one federated identity credential a mapping (clouds.md 1.3). */
export function azureParts(issuer: string, mappings: readonly Trusting<'azure'>[]): readonly Part[] {
  return [...Map.groupBy(mappings, ({ target }) => `${target.tenant} ${target.clientId}`.toLowerCase())].flatMap(
    ([label, of]) => {
      const [first] = of;
      return first === undefined ? [] : [applicationPart(label, first.target.clientId, issuer, of)];
    },
  );
}

/** What Entra would refuse of it. */
export function azureLints(issuer: string, mappings: readonly Trusting<'azure'>[]): readonly Fault[] {
  const severity = 'error' as const;
  const forms = mappings.flatMap((mapping) => {
    const { name, subject } = desiredOf(issuer, mapping);
    const path = ['metadata', 'name'];
    const message = `its credential would be named ${name}; Entra takes 3 to 120 letters, digits, - and _`;
    return [
      ...(NAME.test(name) ? [] : [lint(mapping, path, { message, hint: 'use another name', severity })]),
      ...[issuer, subject].flatMap((text) =>
        text.length <= MAX_TEXT
          ? []
          : [lint(mapping, path, { message: `Entra takes ${MAX_TEXT} characters`, hint: 'shorten it', severity })],
      ),
    ];
  });
  const crowds = [...Map.groupBy(mappings, ({ target }) => target.clientId.toLowerCase()).values()].flatMap((of) => {
    const [first] = of;
    if (first === undefined || of.length <= MAX_CREDENTIALS) return [];
    const message = `${of.length} mappings use this application, Entra takes ${MAX_CREDENTIALS} credentials`;
    const hint = 'use a second application, or one mapping for several workloads';
    return [lint(first, ['spec', 'target', 'azure', 'clientId'], { message, hint, severity })];
  });
  return [...forms, ...crowds];
}

function desiredOf(issuer: string, mapping: Trusting<'azure'>): Desired {
  const { audience } = AZURE_CLOUDS[mapping.target.cloud ?? 'public'];
  return { name: `carnet-${mapping.document.name}`, issuer, subject: subjectOf(mapping), audience };
}

function applicationPart(
  label: string,
  clientId: string,
  issuer: string,
  mappings: readonly Trusting<'azure'>[],
): Part {
  const credentials = mappings.map((mapping) => desiredOf(issuer, mapping));
  return {
    label,
    title: `federated credentials of application ${clientId}`,
    mappings: namesOf(mappings),
    desired: credentials.map(parametersOf),
    commands: credentials.map(
      (credential) =>
        `az ad app federated-credential create --id ${clientId} --parameters ${shellWord(JSON.stringify(parametersOf(credential), null, 2))}`,
    ),
    readCommand: `az ad app federated-credential list --id ${clientId} --output json`,
    terraform: () =>
      [
        `data "azuread_application" "${hclName(clientId)}" {\n  client_id = ${hclText(clientId)}\n}\n`,
        ...credentials.map((credential) => terraformOf(clientId, credential)),
      ].join('\n'),
    compare: (live) => compareCredentials(credentials, issuer, live),
  };
}

function parametersOf({ name, issuer, subject, audience }: Desired): JsonObject {
  return { name, issuer, subject, audiences: [audience] };
}

function terraformOf(clientId: string, { name, issuer, subject, audience }: Desired): string {
  return `resource "azuread_application_federated_identity_credential" "${hclName(`${clientId} ${name}`)}" {
  application_id = data.azuread_application.${hclName(clientId)}.id
  display_name   = ${hclText(name)}
  issuer         = ${hclText(issuer)}
  subject        = ${hclText(subject)}
  audiences      = [${hclText(audience)}]
}
`;
}

/** By subject, as Entra itself tells them apart; the name is of no consequence. Carnet's issuer with another subject trusts more. */
function compareCredentials(credentials: readonly Desired[], issuer: string, live: JsonValue): readonly Difference[] {
  const held = (Array.isArray(live) ? live : []).filter((one) => isJsonObject(one));
  const wrong = credentials.flatMap(({ name, subject, audience }) => {
    const found = held.find((one) => one['subject'] === subject) ?? held.find((one) => one['name'] === name) ?? {};
    const is = {
      issuer: canonical(found['issuer']),
      subject: canonical(found['subject']),
      audiences: canonical(found['audiences']),
    };
    return differences({ issuer, subject, audiences: audience }, is).map((difference) => ({
      ...difference,
      field: `${name}: ${difference.field}`,
    }));
  });
  const subjects = new Set(credentials.map(({ subject }) => subject));
  const more = held.filter((one) => one['issuer'] === issuer && !subjects.has(canonical(one['subject'])));
  return [
    ...wrong,
    ...more.map((one) => ({
      field: canonical(one['name']),
      expected: 'no such credential',
      found: canonical(one['subject']),
    })),
  ];
}
