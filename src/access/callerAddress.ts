import { BlockList, isIP, SocketAddress } from 'node:net';

/**
 * Finds the address of the caller, in one spelling (see parseAddress).
 *
 * `chain` begins with the peer of the connection; each next entry is what the one before, a trusted proxy, wrote into
 * X-Forwarded-For. Where a proxy wrote no address, the caller counts as that proxy: a text that the caller can vary must not
 * make it a new caller each time. `unknown` is left for a connection that is already gone.
 */
export function findCaller(chain: readonly (string | undefined)[]): string {
  return chain.map(parseAddress).findLast((address) => address !== undefined) ?? 'unknown';
}

/** Whether an address, in any spelling, lies in one of these ranges. The ranges are those that parseRange reads. */
export function trustRanges(ranges: readonly string[]): (address: string | undefined) => boolean {
  // One list for each family: in a common one, ::/16 would match every IPv4 address as well.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const range of ranges) {
    const { address, family, bits } = parseRange(range)!;
    lists[family].addSubnet(address, bits, family);
  }
  return (text) => {
    const address = parseAddress(text);
    if (address === undefined) return false;
    const family = familyOf(address);
    return lists[family].check(address, family);
  };
}

export interface AddressRange {
  address: string;
  family: 'ipv4' | 'ipv6';
  /** The length of the prefix that all its addresses share. */
  bits: number;
}

/**
 * Reads `10.0.0.0/8` or an address alone; undefined where it is neither. IPv4 in IPv6 notation (`::ffff:10.0.0.0/104`) is a
 * range of IPv4; it has no bits where it is wider than all of IPv4.
 */
export function parseRange(text: string): AddressRange | undefined {
  const [, notation = '', prefix] = /^([^/%]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(notation);
  if (version === 0) return undefined;
  const maxBits = version === 4 ? 32 : 128;
  const bits = Number(prefix ?? maxBits);
  if (bits > maxBits) return undefined;
  const address = parseAddress(notation)!;
  const family = familyOf(address);
  return { address, family, bits: family === 'ipv4' ? Math.max(0, bits - (maxBits - 32)) : bits };
}

const familyOf = (address: string) => (isIP(address) === 4 ? 'ipv4' : 'ipv6');

/** An address as proxies write it: alone, or with a port, or quoted (as in RFC 7239). IPv6 has brackets beside a port. */
const WRITTEN = /^("?)(?:\[([^\]]*)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?\1$/;

/**
 * Reads an address without its port, brackets, quotes and zone, in one spelling: IPv6 as RFC 5952 has it, and IPv4 in IPv6
 * notation as IPv4. Undefined where it is no address.
 */
function parseAddress(text = ''): string | undefined {
  const [, , bracketed, dotted] = WRITTEN.exec(text) ?? [];
  const written = bracketed ?? dotted ?? text;
  if (isIP(written) === 4) return written;
  if (isIP(written) === 0) return undefined;
  const { address } = new SocketAddress({ address: written, family: 'ipv6' });
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1] ?? address;
}
