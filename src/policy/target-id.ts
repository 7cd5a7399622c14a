import { audienceOf } from '../resources/targets/jwt-svid.ts';
import type { BuiltTarget } from './compiled-mapping.ts';

/** The target's own name for what is granted, undefined where the address names none. */
export function targetIdOf(target: BuiltTarget, address: string): string | undefined {
  switch (target.kind) {
    case 'aws':
      return target.spec.secondHop?.roleArn ?? target.spec.roleArn;
    case 'gcp':
      return target.spec.serviceAccount ?? target.spec.provider;
    case 'azure':
      return target.spec.clientId;
    case 'oauth':
      return target.spec.issuer;
    case 'jwtSvid':
      return audienceOf(target.spec, address);
    default:
      return target satisfies never;
  }
}
