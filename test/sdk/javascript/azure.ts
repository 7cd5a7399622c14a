import { WorkloadIdentityCredential } from '@azure/identity';

const credential = new WorkloadIdentityCredential({ enableAzureProxy: true });
const { token } = await credential.getToken(`${process.env['SECRET_SCOPE']}`);
const answer = await fetch(`${process.env['SECRET_URL']}`, { headers: { authorization: `Bearer ${token}` } });
process.stdout.write(await answer.text());
