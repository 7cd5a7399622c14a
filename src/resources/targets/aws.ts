import { z } from 'zod';

/** AWS: a role assumed with a web identity token. */
export const awsTarget = z.strictObject({
  roleArn: z
    .string()
    .regex(/^arn:aws(-[a-z]+)*:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/, 'must be the ARN of an IAM role'),
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'must be an AWS region'),
  sessionName: z.string().optional(),
  tags: z.record(z.string(), z.string()).optional(),
  policyArns: z.array(z.string()).optional(),
});
export type AwsTarget = z.infer<typeof awsTarget>;
