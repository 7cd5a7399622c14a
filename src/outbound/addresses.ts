import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Which addresses a request may connect to: `public` the open internet, `listed` private networks too, `loopback` this host only. */
export type Reach = 'public' | 'listed' | 'loopback';

const RANGES: Readonly<Record<Reach, readonly string[]>> = {
  public: ['unicast'],
  listed: ['unicast', 'private', 'loopback', 'uniqueLocal', 'carrierGradeNat'],
  loopback: ['loopback'],
};

/** Metadata and host services of clouds that no range gives away (Azure, Alibaba, AWS and Google over IPv6). */
const METADATA: readonly string[] = ['168.63.129.16', '100.100.100.200', 'fd00:ec2::254', 'fd20:ce::254'];

/** All that is assigned for the open internet; ranges outside are unicast by form only (RFC 4291 section 2.4). */
const GLOBAL_UNICAST: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3];

/**
 * Why an address is out of reach, as a rule's name, or undefined when Carnet may connect to it (V12). Translated forms
 * (IPv4-mapped, NAT64, 6to4, Teredo) are never public; a listed origin is judged by the IPv4 address inside.
 */
export function refusal(address: string, reach: Reach): string | undefined {
  if (address.includes('%') || isIP(address) === 0) return 'not a plain address';
  const parsed = ipaddr.parse(address);
  const judged = reach === 'public' ? parsed : embedded(parsed);
  if (METADATA.includes(embedded(parsed).toString())) return 'metadata service';
  const range = judged.range();
  if (!RANGES[reach].includes(range)) return range;
  if (range === 'unicast' && judged instanceof ipaddr.IPv6 && !judged.match(GLOBAL_UNICAST)) return 'reserved';
  return undefined;
}

/** The IPv4 address inside an IPv4-mapped (RFC 4291) or NAT64 (RFC 6052, well-known prefix) one; others as they are. */
function embedded(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  if (address instanceof ipaddr.IPv4) return address;
  const bytes = address.toByteArray();
  const nat64 = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0].every((byte, at) => bytes[at] === byte);
  return nat64 || address.range() === 'ipv4Mapped' ? new ipaddr.IPv4(bytes.slice(12)) : address;
}
