import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';

const answer = await new SecretsManagerClient().send(new GetSecretValueCommand({ SecretId: 'reports' }));
process.stdout.write(`${answer.SecretString}`);
