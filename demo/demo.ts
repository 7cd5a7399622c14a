import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import jsonwebtoken from 'jsonwebtoken';
import { readAuditLog } from '../src/audit/read-log.ts';
import { run } from './command.ts';
import { explain } from './explanation.ts';
import { screen } from './screen.ts';
import { AUDIENCE, ROLE, type Stage, setStage } from './stage.ts';

const CARNET = join(import.meta.dirname, '../bin/carnet');

try {
  await demo();
} catch (error) {
  screen.bad(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

async function demo(): Promise<void> {
  screen.title('Carnet: a pod’s token becomes credentials, and everything is on record');
  const stage = await setStage();
  try {
    screen.fact('private cluster', `${stage.cluster.url} (own CA, discovery behind a bearer token)`);
    screen.fact('AWS double', `${stage.sts.url} (verifies Carnet’s assertion as AWS does)`);
    screen.fact('Carnet', stage.url);
    await showClaims(stage);
    await showDecision(stage);
    await showJwtSvid(stage);
    await showAwsSdk(stage);
    await showCommand(stage);
    await showRefusal(stage);
    await showAudit(stage);
  } finally {
    await stage.close();
  }
  screen.title('Every step held.');
}

async function showClaims({ cluster }: Stage): Promise<void> {
  screen.step(1, 'What the workload shows: claims of its projected ServiceAccount token');
  const claims = cluster.claims({ audiences: [AUDIENCE], boundTo: { kind: 'pod', name: 'reporter-7d9f' } });
  for (const name of ['iss', 'sub', 'aud']) screen.fact(name, String(claims[name]));
  screen.fact('lives', `${Number(claims['exp']) - Number(claims['iat'])} s, bound to pod reporter-7d9f`);
}

async function showDecision(stage: Stage): Promise<void> {
  screen.step(2, 'What policy decides for audience=reports, and why');
  const decision = await explain(stage, 'reports');
  for (const { step, passed, detail } of decision.steps) {
    if (passed) screen.good(`${step.padEnd(13)} ${detail}`);
    else screen.refused(`${step.padEnd(13)} ${detail}`);
  }
  assert.equal(decision.outcome, 'allowed');
}

async function showJwtSvid({ url, tokenFile }: Stage): Promise<void> {
  screen.step(3, 'A JWT-SVID for the ledger, checked by an independent library through discovery');
  const { code, out, err } = await run(
    CARNET,
    ['exchange', '--audience', 'ledger', '-o', 'json'],
    client(url, tokenFile),
  );
  assert.equal(code, 0, `carnet exchange failed: ${err}`);
  const { access_token: svid } = JSON.parse(out);
  const issuer = `${url}/svid`;
  const discovery = await getJson(`${issuer}/.well-known/openid-configuration`);
  assert.equal(discovery['issuer'], issuer);
  const { keys } = await getJson(String(discovery['jwks_uri']));
  const kid = jsonwebtoken.decode(svid, { complete: true })?.header.kid;
  const jwk = (keys as Record<string, string>[]).find((key) => key['kid'] === kid);
  assert.ok(jwk, 'the JWKS has no key of this kid');
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const claims = jsonwebtoken.verify(svid, key, { algorithms: ['ES256'], issuer, audience: 'ledger' });
  assert.ok(typeof claims === 'object');
  assert.equal(claims.sub, 'spiffe://example.org/cluster/prod-eu/ns/payments/sa/reporter');
  screen.good('signature, issuer, audience and times verified');
  screen.fact('iss', String(claims.iss));
  screen.fact('sub', claims.sub);
  screen.fact('aud', String(claims.aud));
  screen.fact('lives', `${(claims.exp ?? 0) - (claims.iat ?? 0)} s`);
}

async function showAwsSdk({ url, tokenFile, sts }: Stage): Promise<void> {
  screen.step(4, 'AWS credentials for an unmodified AWS SDK, by two environment variables');
  const variables = {
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/sdk/aws/reports`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: tokenFile,
  };
  screen.fact('environment', 'AWS_CONTAINER_CREDENTIALS_FULL_URI, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE');
  const workload = join(import.meta.dirname, 'aws-workload.ts');
  const { code, out, err } = await run(process.execPath, [workload], variables);
  assert.equal(code, 0, `the AWS SDK got no credentials: ${err}`);
  const { accessKeyId, expiration } = JSON.parse(out);
  screen.good(`the SDK holds access key ${accessKeyId} until ${expiration}`);
  const call = sts.calls.at(-1);
  assert.equal(call?.outcome, 'answered');
  screen.fact('AWS verified', `sub ${call.claims?.['sub']}, aud ${call.claims?.['aud']}`);
  screen.fact('and pinned', `the one role ${ROLE}`);
  screen.fact('session name', String(call.parameters['RoleSessionName']));
}

async function showCommand({ url, tokenFile }: Stage): Promise<void> {
  screen.step(5, 'The same by the command line: carnet exchange --audience reports -- COMMAND');
  const args = ['exchange', '--audience', 'reports', '--', process.execPath, '-p', 'process.env.AWS_ACCESS_KEY_ID'];
  const { code, out, err } = await run(CARNET, args, client(url, tokenFile));
  assert.equal(code, 0, `carnet exchange failed: ${err}`);
  assert.match(out, /^ASIA/);
  screen.good(`the command ran with AWS_ACCESS_KEY_ID=${out.trim()}`);
}

async function showRefusal({ url, folder, cluster }: Stage): Promise<void> {
  screen.step(6, 'A refusal: the same ServiceAccount, but a token that no pod holds');
  const tokenFile = join(folder, 'unbound-token');
  await writeFile(tokenFile, cluster.token({ audiences: [AUDIENCE] }), { mode: 0o600 });
  const { code, err } = await run(CARNET, ['exchange', '--audience', 'reports'], client(url, tokenFile));
  assert.equal(code, 1);
  assert.match(err, /not_bound_to_pod/);
  screen.refused('carnet exchange ends with exit code 1 and says:');
  screen.lines(err);
}

async function showAudit({ folder, configFile, server }: Stage): Promise<void> {
  screen.step(7, 'The audit trail of all of it');
  server.kill('SIGTERM');
  await new Promise((resolve) => server.once('exit', resolve));
  const types: string[] = [];
  for await (const record of readAuditLog({ directory: join(folder, 'data/audit'), stream: 'carnet' })) {
    types.push(record.type);
    const what = [record.mapping, record.grant?.target, record.reason, record.credential?.id]
      .filter(Boolean)
      .join('  ');
    screen.fact(`${String(record.seq).padStart(3)} ${record.type}`, what || record.outcome);
  }
  const counted = (type: string) => types.filter((one) => one === type).length;
  // The command line got the session that the SDK had caused: one call of AWS, a record each.
  assert.deepEqual([counted('issued'), counted('reused'), counted('refused')], [2, 1, 1]);
  const { code, out, err } = await run(CARNET, ['audit', 'verify', '--config', configFile]);
  assert.equal(code, 0, `carnet audit verify failed: ${out}${err}`);
  screen.good('carnet audit verify finds every record in its place:');
  screen.lines(out);
}

function client(url: string, tokenFile: string): Record<string, string> {
  return { CARNET_ENDPOINT: url, CARNET_TOKEN_FILE: tokenFile };
}

async function getJson(url: string): Promise<Record<string, unknown>> {
  const answer = await fetch(url);
  assert.equal(answer.status, 200);
  return (await answer.json()) as Record<string, unknown>;
}
