// The workload of the demo: knows nothing of Carnet. The SDK finds its credentials by environment variables alone.
import { fromNodeProviderChain } from '@aws-sdk/credential-providers';

const { accessKeyId, expiration, accountId } = await fromNodeProviderChain()();
console.log(JSON.stringify({ accessKeyId, expiration, accountId }));
