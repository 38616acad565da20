/** Which IP addresses belong to the open internet, so that a URL of a client's may lead there. */
import { BlockList, isIP } from 'node:net';

/** Special-purpose IPv4 (IANA registry, RFC 6890), multicast, and what clouds keep for themselves. */
const SPECIAL_V4: readonly (readonly [net: string, bits: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // 169.254.169.254 holds the credentials of a machine at most clouds.
  ['169.254.0.0', 16],
  // Azure's "wire server", an address that looks public (learn.microsoft.com, what-is-ip-address-168-63-129-16).
  ['168.63.129.16', 32],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  // Multicast, reserved, broadcast.
  ['224.0.0.0', 3],
];
/** Inside 2000::/3, the only block of global addresses: tunnels and documentation. */
const SPECIAL_V6: readonly (readonly [net: string, bits: number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const specialV4 = new BlockList();
for (const [net, bits] of SPECIAL_V4) specialV4.addSubnet(net, bits, 'ipv4');
const specialV6 = new BlockList();
for (const [net, bits] of SPECIAL_V6) specialV6.addSubnet(net, bits, 'ipv6');
const globalV6 = new BlockList();
globalV6.addSubnet('2000::', 3, 'ipv6');

/** An IPv4 address inside an IPv6 one: mapped (RFC 4291), or translated on its way (RFC 6052). */
const EMBEDDED = /^\[(?:::ffff:|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/;

/** True for an address of the open internet; false for any other, and for what is no address. */
export function isPublicAddress(address: string): boolean {
  const kind = isIP(address);
  if (kind === 4) return !specialV4.check(address, 'ipv4');
  if (kind !== 6) return false;
  const [, high, low] = EMBEDDED.exec(URL.parse(`http://[${address}]/`)?.hostname ?? '') ?? [];
  if (high !== undefined && low !== undefined) return isPublicAddress(dotted(high, low));
  return globalV6.check(address, 'ipv6') && !specialV6.check(address, 'ipv6');
}

function dotted(high: string, low: string): string {
  const bytes = [high, low].map((group) => Number.parseInt(group, 16));
  return bytes.flatMap((pair) => [pair >> 8, pair & 255]).join('.');
}
