/** What Carnet reads from the ARN of an IAM role. */
export interface RoleArn {
  readonly partition: string;
  readonly account: string;
  /** Without the path: the last segment, as it stands in the ARN of a session. */
  readonly roleName: string;
}

/** Throws TypeError for anything that the resource schema lets through by mistake. */
export function readRoleArn(arn: string): RoleArn {
  const match = /^arn:(?<partition>aws[a-z-]*):iam::(?<account>\d{12}):role\/(?:[^:]*\/)?(?<roleName>[^:/]+)$/.exec(
    arn,
  );
  const { partition, account, roleName } = match?.groups ?? {};
  if (partition === undefined || account === undefined || roleName === undefined) {
    throw new TypeError('not the ARN of an IAM role');
  }
  return { partition, account, roleName };
}

/** Domain of each partition's endpoints; `aws` and `aws-us-gov` share one. */
const DOMAINS: ReadonlyMap<string, string> = new Map([
  ['aws', 'amazonaws.com'],
  ['aws-us-gov', 'amazonaws.com'],
  ['aws-cn', 'amazonaws.com.cn'],
  ['aws-eusc', 'amazonaws.eu'],
  ['aws-iso', 'c2s.ic.gov'],
  ['aws-iso-b', 'sc2s.sgov.gov'],
  ['aws-iso-e', 'cloud.adc-e.uk'],
  ['aws-iso-f', 'csp.hci.ic.gov'],
]);

/** The regional endpoint; said outright, because the SDK would otherwise ask the environment. Throws TypeError. */
export function regionalEndpoint({ partition }: RoleArn, region: string): string {
  const domain = DOMAINS.get(partition);
  if (domain === undefined) throw new TypeError('the partition of the role is not known');
  return `https://sts.${region}.${domain}`;
}
