import { type Intent, intentOf } from '../../src/resources/intents.ts';
import { type AwsTarget, awsTarget } from '../../src/resources/targets/aws.ts';
import { type GcpTarget, gcpTarget } from '../../src/resources/targets/gcp.ts';

/** Intents by their words of scope. */
export function intended(...words: readonly string[]): readonly Intent[] {
  return words.map((word) => {
    const intent = intentOf(word);
    if (intent === undefined) throw new Error(`${word} is no intent`);
    return intent;
  });
}

export function awsOf(changes: object = {}): AwsTarget {
  return awsTarget.parse({ roleArn: 'arn:aws:iam::123456789012:role/reports', region: 'eu-west-1', ...changes });
}

export function gcpOf(changes: object = {}): GcpTarget {
  const provider = '//iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/carnet/providers/carnet';
  return gcpTarget.parse({ provider, serviceAccount: 'archive@acme.iam.gserviceaccount.com', ...changes });
}
