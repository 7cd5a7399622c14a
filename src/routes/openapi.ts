import swagger from '@fastify/swagger';
import { fastify } from 'fastify';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { OAuthError } from '../core/oauth-error.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { adminRoutes } from './admin/admin-routes.ts';
import type { DoorDeps } from './door-deps.ts';
import { registerRoutes } from './doors.ts';
import { publishedSchemas } from './schemas/discovery.ts';
import { operationSchemas } from './schemas/operations.ts';
import { sdkAwsRouteSchema } from './schemas/sdk-aws.ts';
import { sdkAwsStsRouteSchema } from './schemas/sdk-aws-sts.ts';
import { sdkAzureRouteSchema } from './schemas/sdk-azure.ts';
import { sdkGcpRouteSchema } from './schemas/sdk-gcp.ts';
import { tokenRouteSchema } from './schemas/token.ts';

/** By operation. Routes but those of the admin API give its name alone, so that no server loads how it is described. */
const DESCRIBED: ReadonlyMap<string, object> = new Map(
  [
    ...publishedSchemas,
    ...Object.values(operationSchemas),
    sdkAwsRouteSchema,
    sdkAwsStsRouteSchema,
    sdkAzureRouteSchema,
    sdkGcpRouteSchema,
    tokenRouteSchema,
  ].map((schema) => [schema.operationId, schema]),
);

const DOCUMENT = {
  openapi: '3.1.0',
  info: {
    title: 'Carnet',
    version: '0.1.0',
    description:
      'A security token service: the token that a platform gave to a workload in, one narrow short-lived credential out. ' +
      'With three listeners each path is served on the listener that its tag names; discovery is served on the workload ' +
      'listener as well. Paths that belong to an issuer with a path stand under that path.',
    license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
  },
  servers: [{ url: 'https://sts.internal.example.org' }],
  tags: [
    { name: 'workload', description: 'For workloads: credentials.' },
    { name: 'public', description: 'For whoever trusts Carnet: discovery and keys.' },
    { name: 'admin', description: 'For operators.' },
    { name: 'all doors', description: 'For whoever runs it.' },
  ],
  components: {
    securitySchemes: {
      platformToken: {
        type: 'http' as const,
        scheme: 'bearer',
        description: 'The projected token of the workload; the word Bearer may be left out.',
      },
      adminToken: {
        type: 'http' as const,
        scheme: 'bearer',
        description: 'A JWT of the issuer and for the audience of `admin.oidc`, or the bootstrap token.',
      },
    },
  },
};

/** Routes are described without being called, so what they live on is never asked for. */
function undisturbed(): DoorDeps {
  const unused = () => {
    throw new OAuthError('internal');
  };
  const log = { debug: unused, info: unused, warn: unused, error: unused };
  const documents = { openidConfiguration: unused, authorizationServer: unused, jwks: unused, spiffeBundle: unused };
  const admin = {
    signIn: unused,
    journal: { unread: unused, otherMethod: unused, notSignedIn: unused },
    nameOwner: unused,
    explain: unused,
    why: unused,
    report: unused,
    replay: unused,
    trail: { now: unused, records: unused, outstanding: unused },
    resources: {
      list: unused,
      get: unused,
      put: unused,
      delete: unused,
      history: unused,
      rollback: unused,
      apply: unused,
      proposals: unused,
      withdraw: unused,
    },
    requests: { list: unused, get: unused, ask: unused, decide: unused },
  };
  return {
    exchange: unused,
    documents,
    admin: (server) => adminRoutes(server, admin, log),
    parts: unused,
    issuer: (purpose) => (purpose === 'cloud' ? 'https://issuer.example.org' : 'https://issuer.example.org/svid'),
    workloadUrl: 'https://sts.internal.example.org',
    development: false,
    clock: { now: unused },
    log,
    metrics: createMetrics(),
  };
}

/** Named schemas (`x-schemas`) move to the components, so that each shape stands in the document once. */
function hoisted(value: JsonValue, schemas: Record<string, JsonValue>): JsonValue {
  if (Array.isArray(value)) return value.map((item: JsonValue) => hoisted(item, schemas));
  if (typeof value === 'string') return value.replace(/^#\/\$defs\//, '#/components/schemas/');
  if (!isJsonObject(value)) return value;
  const { 'x-schemas': named, ...rest } = value;
  for (const [name, definition] of Object.entries(isJsonObject(named) ? named : {})) {
    const { id: _, ...schema } = isJsonObject(definition) ? definition : {};
    schemas[name] = hoisted(schema, schemas);
  }
  return Object.fromEntries(Object.entries(rest).map(([key, member]) => [key, hoisted(member, schemas)]));
}

/** A copy without shared parts, which YAML would write as anchors. */
function finished(document: object): JsonObject {
  const schemas: Record<string, JsonValue> = {};
  const plain = hoisted(JSON.parse(JSON.stringify(document)) as JsonObject, schemas) as JsonObject;
  const sorted = Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { ...plain, components: { ...DOCUMENT.components, schemas: sorted } };
}

/** openapi.yaml: the HTTP contract, generated from the schemas of the routes; the same text on every run. */
export async function openApiYaml(): Promise<string> {
  const server = fastify({ exposeHeadRoutes: false });
  server.setValidatorCompiler(() => () => true);
  server.setSerializerCompiler(() => () => '');
  server.addHook('onRoute', (route) => {
    const described = DESCRIBED.get(route.schema?.operationId ?? '');
    if (described !== undefined) route.schema = described;
  });
  await server.register(swagger, {
    openapi: DOCUMENT,
    transformObject: (described) => ('openapiObject' in described ? finished(described.openapiObject) : {}),
  });
  registerRoutes(server, 'all', undisturbed());
  await server.ready();
  const text = server.swagger({ yaml: true });
  await server.close();
  return text;
}
