import type { DocumentOf } from '../../resources/document.ts';
import type { AwsTarget } from '../../resources/targets/aws.ts';
import { AZURE_CLOUDS, type AzureTarget } from '../../resources/targets/azure.ts';
import type { GcpTarget } from '../../resources/targets/gcp.ts';
import { shellWord } from '../written.ts';
import { FILES_FOLDER, type Surface, type Whereabouts } from './surface.ts';

/** The surfaces of a mapping, the best one first; none where its credential is for no cloud's SDK (DESIGN section 9). */
export function surfacesOf({ name, spec }: DocumentOf<'FederationMapping'>, where: Whereabouts): readonly Surface[] {
  // SDKs would take an assertion for a credential.
  if (spec.deliver === 'assertion') return [];
  const { aws, gcp, azure } = spec.target;
  if (aws !== undefined) return awsSurfaces(name, aws, where);
  if (gcp !== undefined && gcp.idToken === undefined) return [googleSurface(name, gcp, where)];
  return azure === undefined ? [] : [azureSurface(azure, where)];
}

function awsSurfaces(name: string, { roleArn, region }: AwsTarget, where: Whereabouts): readonly Surface[] {
  const { endpoint, tokenFile } = where;
  // botocore reads the second name.
  const regions = { AWS_REGION: region, AWS_DEFAULT_REGION: region };
  const exchange = ['carnet', 'exchange', '--endpoint', endpoint, '--token-file', tokenFile, '--audience', name];
  return [
    {
      name: 'container',
      title: 'container credentials of every AWS SDK',
      environment: {
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `${endpoint}/sdk/aws/${name}`,
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: tokenFile,
        ...regions,
      },
      files: {},
      notes: ['leave AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_WEB_IDENTITY_TOKEN_FILE unset: they win'],
    },
    {
      name: 'web-identity',
      title: 'web identity of every AWS SDK',
      environment: {
        AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
        AWS_ROLE_ARN: roleArn,
        AWS_ENDPOINT_URL_STS: `${endpoint}/sdk/aws`,
        ...regions,
      },
      files: {},
      notes: ['every call of the program to STS goes to Carnet, which answers this one only'],
    },
    {
      name: 'process',
      title: 'credential_process of an AWS profile',
      environment: { AWS_CONFIG_FILE: `${FILES_FOLDER}/aws-config` },
      files: {
        'aws-config': `[default]\nregion = ${region}\ncredential_process = ${[...exchange, '-o', 'credential-process'].map(shellWord).join(' ')}\n`,
      },
      notes: ['the carnet command must be on the path of the program'],
    },
  ];
}

function googleSurface(name: string, { provider }: GcpTarget, { endpoint, tokenFile }: Whereabouts): Surface {
  const account = {
    type: 'external_account',
    audience: provider,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `${endpoint}/sdk/gcp/${name}/token`,
    credential_source: { file: tokenFile },
  };
  return {
    name: 'external-account',
    title: 'application default credentials of every Google SDK',
    environment: { GOOGLE_APPLICATION_CREDENTIALS: `${FILES_FOLDER}/google.json` },
    files: { 'google.json': `${JSON.stringify(account, null, 2)}\n` },
    notes: [
      'Carnet itself acts as the service account: the file names no impersonation',
      'set GOOGLE_CLOUD_PROJECT too, or libraries ask Google which project this is',
    ],
  };
}

function azureSurface({ tenant, clientId, cloud }: AzureTarget, { endpoint, tokenFile }: Whereabouts): Surface {
  return {
    name: 'token-proxy',
    title: 'WorkloadIdentityCredential of azure-identity',
    environment: {
      AZURE_TENANT_ID: tenant,
      AZURE_CLIENT_ID: clientId,
      AZURE_FEDERATED_TOKEN_FILE: tokenFile,
      AZURE_AUTHORITY_HOST: `${AZURE_CLOUDS[cloud ?? 'public'].authority}/`,
      AZURE_KUBERNETES_TOKEN_PROXY: `${endpoint}/sdk/azure`,
    },
    files: {},
    notes: [
      'the program has to switch the token proxy on, as in new WorkloadIdentityCredential({ enableAzureProxy: true })',
    ],
  };
}
