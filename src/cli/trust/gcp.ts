import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { Fault } from '../../resources/document.ts';
import { hclName, hclText, shellCommand } from '../written.ts';
import { accountParts } from './gcp-accounts.ts';
import { canonical, differences, type Part } from './part.ts';
import { lint, namesOf, subjectOf, type Trusting } from './trusting.ts';

const MAX_CONDITION_CHARACTERS = 4096;
const MAX_SUBJECT_BYTES = 127;
const MAX_AUDIENCE_CHARACTERS = 256;
const PROVIDER =
  /^\/\/iam\.googleapis\.com\/projects\/(\d+)\/locations\/global\/workloadIdentityPools\/([^/]+)\/providers\/([^/]+)$/;

/** What Google Cloud must hold: each pool and provider once, and who may act as which service account (clouds.md 1.2). */
export function gcpParts(issuer: string, mappings: readonly Trusting<'gcp'>[]): readonly Part[] {
  const providers = [...Map.groupBy(mappings, ({ target }) => target.provider)];
  const pools = Map.groupBy(mappings, ({ target }) => poolOf(target.provider));
  return [
    ...[...pools].map(([pool, of]) => poolPart(pool, of)),
    ...providers.map(([provider, of]) => providerPart(issuer, provider, of)),
    ...accountParts(mappings.map((mapping) => ({ mapping, pool: poolOf(mapping.target.provider) }))),
  ];
}

/** What Google Cloud would refuse of it. */
export function gcpLints(mappings: readonly Trusting<'gcp'>[]): readonly Fault[] {
  const conditions = [...Map.groupBy(mappings, ({ target }) => target.provider)].flatMap(([provider, of]) => {
    const { length } = conditionFor(of);
    const [first] = of;
    if (first === undefined) return [];
    const field = ['spec', 'target', 'gcp', 'provider'];
    const severity = 'error' as const;
    const tooLong = length > MAX_CONDITION_CHARACTERS;
    const message = `the attribute condition of its provider has ${length} characters, Google takes ${MAX_CONDITION_CHARACTERS}`;
    const hint = `spread the ${of.length} mappings of this provider over several providers`;
    const audience = `the audience has ${provider.length} characters, Google takes ${MAX_AUDIENCE_CHARACTERS}`;
    return [
      ...(tooLong ? [lint(first, field, { message, hint, severity })] : []),
      ...(provider.length > MAX_AUDIENCE_CHARACTERS
        ? [lint(first, field, { message: audience, hint: 'shorten the names of pool and provider', severity })]
        : []),
    ];
  });
  const subjects = mappings.flatMap((mapping) => {
    const bytes = Buffer.byteLength(subjectOf(mapping));
    if (bytes <= MAX_SUBJECT_BYTES) return [];
    const message = `the subject has ${bytes} bytes, Google takes ${MAX_SUBJECT_BYTES}`;
    return [lint(mapping, ['metadata', 'name'], { message, hint: 'shorten the name', severity: 'error' })];
  });
  return [...conditions, ...subjects];
}

/** `projects/N/locations/global/workloadIdentityPools/POOL` */
function poolOf(provider: string): string {
  const [, project, pool] = PROVIDER.exec(provider) ?? [];
  return `projects/${project}/locations/global/workloadIdentityPools/${pool}`;
}

function poolPart(pool: string, mappings: readonly Trusting<'gcp'>[]): Part {
  const [, project = '', , , , id = ''] = pool.split('/');
  const place = ['--project', project, '--location', 'global'];
  return {
    label: pool,
    title: `workload identity pool ${id} of project ${project}`,
    mappings: namesOf(mappings),
    desired: { name: pool, disabled: false },
    commands: [shellCommand(['gcloud', 'iam', 'workload-identity-pools', 'create', id, ...place])],
    readCommand: ['gcloud', 'iam', 'workload-identity-pools', 'describe', id, ...place, '--format', 'json'].join(' '),
    terraform: () => `resource "google_iam_workload_identity_pool" "${hclName(pool)}" {
  project                   = ${hclText(project)}
  workload_identity_pool_id = ${hclText(id)}
}
`,
    compare: (live) => differences({ name: pool, state: 'ACTIVE', disabled: 'false' }, standing(live)),
  };
}

function providerPart(issuer: string, provider: string, mappings: readonly Trusting<'gcp'>[]): Part {
  const [, project = '', pool = '', id = ''] = PROVIDER.exec(provider) ?? [];
  const attributes = attributesFor(mappings);
  const width = Math.max(...Object.keys(attributes).map((attribute) => hclText(attribute).length));
  const condition = conditionFor(mappings);
  const place = ['--project', project, '--location', 'global', '--workload-identity-pool', pool];
  const mapping = Object.entries(attributes).map(([attribute, claim]) => `${attribute}=${claim}`);
  const group = ['gcloud', 'iam', 'workload-identity-pools', 'providers'];
  const settings = [
    ...['--issuer-uri', issuer, '--allowed-audiences', provider],
    ...['--attribute-mapping', mapping.join(','), '--attribute-condition', condition],
  ];
  return {
    label: provider,
    title: `provider ${id} of pool ${pool}`,
    mappings: namesOf(mappings),
    desired: {
      oidc: { issuerUri: issuer, allowedAudiences: [provider] },
      attributeMapping: attributes,
      attributeCondition: condition,
    },
    commands: [shellCommand([...group, 'create-oidc', id, ...place, ...settings])],
    readCommand: [...group, 'describe', id, ...place, '--format', 'json'].join(' '),
    terraform: () => `resource "google_iam_workload_identity_pool_provider" "${hclName(provider)}" {
  project                            = ${hclText(project)}
  workload_identity_pool_id          = google_iam_workload_identity_pool.${hclName(poolOf(provider))}.workload_identity_pool_id
  workload_identity_pool_provider_id = ${hclText(id)}
  attribute_condition                = ${hclText(condition)}
  attribute_mapping = {
${Object.entries(attributes)
  .map(([attribute, claim]) => `    ${hclText(attribute).padEnd(width)} = ${hclText(claim)}\n`)
  .join('')}  }
  oidc {
    issuer_uri        = ${hclText(issuer)}
    allowed_audiences = [${hclText(provider)}]
  }
}
`,
    compare: (live) =>
      differences(
        {
          name: provider.slice('//iam.googleapis.com/'.length),
          state: 'ACTIVE',
          disabled: 'false',
          'oidc.issuerUri': issuer,
          'oidc.allowedAudiences': provider,
          attributeCondition: condition,
          ...byAttribute(attributes),
        },
        { ...standing(live), ...settingsOf(live, provider) },
      ),
  };
}

function standing(live: JsonValue): Record<string, string> {
  const { name, state, disabled } = isJsonObject(live) ? live : {};
  return { name: canonical(name), state: canonical(state), disabled: canonical(disabled ?? false) };
}

/** An empty list of audiences means the provider's own name, with and without `https:`; Carnet's has none. */
function settingsOf(live: JsonValue, provider: string): Record<string, string> {
  const { oidc, attributeMapping, attributeCondition } = isJsonObject(live) ? live : {};
  const { issuerUri, allowedAudiences, jwksJson = '' } = isJsonObject(oidc) ? oidc : {};
  const isDefault =
    allowedAudiences === undefined || (Array.isArray(allowedAudiences) && allowedAudiences.length === 0);
  return {
    'oidc.issuerUri': canonical(issuerUri),
    // Google takes them in place of Carnet's, and who has the other half of one signs for any mapping.
    ...(jwksJson !== '' && { 'oidc.jwksJson': 'keys of its own' }),
    'oidc.allowedAudiences': isDefault ? provider : canonical(allowedAudiences),
    attributeCondition: canonical(attributeCondition),
    ...byAttribute(isJsonObject(attributeMapping) ? attributeMapping : {}),
  };
}

function byAttribute(attributes: JsonObject): Record<string, string> {
  const entries = Object.entries(attributes).map(([name, claim]) => [`attributeMapping.${name}`, canonical(claim)]);
  return Object.fromEntries(entries);
}

/** Only claims that every assertion for the provider has: Google refuses a token that lacks a mapped one. */
function attributesFor(mappings: readonly Trusting<'gcp'>[]): Record<string, string> {
  const kubernetes = mappings.every(({ document }) => document.spec.subject.namespace !== undefined);
  const claims = kubernetes
    ? ['carnet_issuer', 'carnet_namespace', 'carnet_service_account', 'carnet_spiffe_id']
    : ['carnet_issuer'];
  const custom = claims.map((claim) => [`attribute.${claim}`, `assertion.${claim}`]);
  return { 'google.subject': 'assertion.sub', ...Object.fromEntries(custom) };
}

/** CEL. Exact subjects, so that a provider takes no assertion that is meant for another one. */
function conditionFor(mappings: readonly Trusting<'gcp'>[]): string {
  const subjects = mappings.map((mapping) => `'${subjectOf(mapping)}'`).sort();
  return subjects.length === 1 ? `assertion.sub == ${subjects[0]}` : `assertion.sub in [${subjects.join(', ')}]`;
}
