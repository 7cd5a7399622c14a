import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { PURPOSES, type Purpose } from '../authority/authority.ts';
import { wellKnownPaths } from '../authority/discovery.ts';
import type { JsonObject } from '../core/json.ts';
import type { DoorDeps, PublishedDocuments } from './door-deps.ts';
import { refuseOtherMethods } from './methods.ts';

/** Metadata changes with a deployment, keys at any time: a verifier that lacks a new key refuses good tokens. */
export const METADATA_SECONDS = 3600;
export const KEYS_SECONDS = 300;

interface Publication {
  readonly path: string;
  readonly maxAgeSeconds: number;
  readonly operationId: string;
  document(): JsonObject;
}

/** RFC 9110 section 13.1.2: weak comparison against a list of tags, or `*`. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}

function publish(server: FastifyInstance, { path, maxAgeSeconds, operationId, document }: Publication): void {
  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    const body = Buffer.from(JSON.stringify(document()));
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
    reply.headers({ etag, 'cache-control': `public, max-age=${maxAgeSeconds}` });
    if (matches(request.headers['if-none-match'], etag)) return await reply.code(304).send();
    return await reply.header('content-type', 'application/json').send(body);
  };
  server.get(path, { schema: { operationId }, handler, exposeHeadRoute: true });
  refuseOtherMethods(server, path, ['GET', 'HEAD']);
}

function publicationsOf(purpose: Purpose, issuer: string, documents: PublishedDocuments): Publication[] {
  const paths = wellKnownPaths(issuer);
  const id = purpose === 'cloud' ? 'Cloud' : 'Svid';
  return [
    {
      path: paths.configuration,
      maxAgeSeconds: METADATA_SECONDS,
      operationId: `get${id}OpenidConfiguration`,
      document: () => documents.openidConfiguration(purpose),
    },
    {
      path: paths.metadata,
      maxAgeSeconds: METADATA_SECONDS,
      operationId: `get${id}AuthorizationServerMetadata`,
      document: () => documents.authorizationServer(purpose),
    },
    {
      path: paths.jwks,
      maxAgeSeconds: KEYS_SECONDS,
      operationId: `get${id}Jwks`,
      document: () => documents.jwks(purpose),
    },
  ];
}

/**
 * Discovery and keys of both issuers, at the very paths that their documents and relying parties name: an issuer with a
 * path is served under that path, so a proxy in front passes paths on as they are.
 */
export function discoveryRoutes(server: FastifyInstance, { documents, issuer }: DoorDeps): void {
  for (const purpose of PURPOSES) {
    for (const publication of publicationsOf(purpose, issuer(purpose), documents)) publish(server, publication);
  }
}

/** `GET /spiffe/bundle`: the trust bundle of the SVID keys, under the path of the cloud issuer. */
export function bundleRoute(server: FastifyInstance, { documents }: DoorDeps, base: string): void {
  publish(server, {
    path: `${base}/spiffe/bundle`,
    maxAgeSeconds: KEYS_SECONDS,
    operationId: 'getSpiffeBundle',
    document: () => documents.spiffeBundle(),
  });
}
