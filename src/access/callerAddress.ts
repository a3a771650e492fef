import { BlockList, isIP, SocketAddress } from 'node:net';

/**
 * Finds the caller's address, normalised by parseAddress.
 *
 * `chain` begins with the peer of the connection; each further entry is what the trusted proxy before it wrote into
 * X-Forwarded-For. If an entry is not an address, the caller counts as that proxy: otherwise each text would make a new caller.
 * Returns `unknown` for a connection that is already closed.
 */
export function findCaller(chain: readonly (string | undefined)[]): string {
  return chain.map(parseAddress).findLast((address) => address !== undefined) ?? 'unknown';
}

/** Tests whether an address, in any notation, is in one of these ranges, which parseRange must accept. */
export function trustRanges(ranges: readonly string[]): (address: string | undefined) => boolean {
  // One list per family: in a common list, ::/16 would also match every IPv4 address.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const range of ranges) {
    const { address, family, bits } = parseRange(range)!;
    lists[family].addSubnet(address, bits, family);
  }
  return (text) => {
    const address = parseAddress(text);
    if (address === undefined) return false;
    const family = readFamily(address);
    return lists[family].check(address, family);
  };
}

export interface AddressRange {
  address: string;
  family: 'ipv4' | 'ipv6';
  /** The prefix length. */
  bits: number;
}

/**
 * Parses `10.0.0.0/8` or a single address; undefined for anything else. IPv4 in IPv6 notation (`::ffff:10.0.0.0/104`) becomes
 * an IPv4 range, of 0 bits if it is wider than all of IPv4.
 */
export function parseRange(text: string): AddressRange | undefined {
  const [, notation = '', prefix] = /^([^/%]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(notation);
  if (version === 0) return undefined;
  const maxBits = version === 4 ? 32 : 128;
  const bits = Number(prefix ?? maxBits);
  if (bits > maxBits) return undefined;
  const address = parseAddress(notation)!;
  const family = readFamily(address);
  return { address, family, bits: family === 'ipv4' ? Math.max(0, bits - (maxBits - 32)) : bits };
}

const readFamily = (address: string) => (isIP(address) === 4 ? 'ipv4' : 'ipv6');

/** An address as proxies write it: alone, with a port, or quoted (RFC 7239). With a port, IPv6 is in brackets. */
const PROXY_NOTATION = /^("?)(?:\[([^\]]*)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?\1$/;

/**
 * Normalises an address: without port, brackets, quotes and zone; IPv6 as in RFC 5952; IPv4 in IPv6 notation as IPv4. Undefined
 * for anything else.
 */
function parseAddress(text = ''): string | undefined {
  const [, , bracketed, dotted] = PROXY_NOTATION.exec(text) ?? [];
  const written = bracketed ?? dotted ?? text;
  if (isIP(written) === 4) return written;
  if (isIP(written) === 0) return undefined;
  const { address } = new SocketAddress({ address: written, family: 'ipv6' });
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1] ?? address;
}
