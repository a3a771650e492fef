import { describe, expect, it } from 'vitest';
import { findCaller, parseRange, trustRanges } from '../../../src/access/callerAddress.ts';

describe('the address of a caller', () => {
  it.each([
    ['203.0.113.3', '203.0.113.3'],
    ['203.0.113.3:4001', '203.0.113.3'],
    ['"203.0.113.3:4001"', '203.0.113.3'],
    ['"203.0.113.3"', '203.0.113.3'],
    ['[203.0.113.3]:4001', '203.0.113.3'],
    ['2001:db8::1', '2001:db8::1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:0db8::0001', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:4001', '2001:db8::1'],
    ['"[2001:db8::1]:4001"', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%25eth0]:4001', 'fe80::1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['::ffff:203.113.113.113', '203.113.113.113'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['0000:0000:0000:0000:0000:ffff:c000:0201', '192.0.2.1'],
    ['[::ffff:c000:201]:4001', '192.0.2.1'],
    ['::192.0.2.1', '::192.0.2.1'],
  ])('is the same in each spelling: %s is %s', (text, address) => {
    expect(findCaller(['10.0.0.1', text])).toBe(address);
  });

  it.each([
    'unknown',
    '_hidden',
    '',
    'localhost',
    '203.0.113.3:',
    '203.0.113.3:123456',
    '203.0.113.3:4001:4002',
    '203.0.113.3x',
    '203.0.113.03',
    '203.0.113',
    '3405803779',
    '0xcb.0.113.3',
    '[2001:db8::1',
    '2001:db8::1]:4001',
    '2001:db8:1:2:3:4:5:6:4001',
    '[203.0.113.3]x',
    'x"203.0.113.3"',
  ])('is that of the last proxy where the proxy reports no valid address: %j', (text) => {
    expect(findCaller(['10.0.0.1', '::ffff:10.0.0.2', text])).toBe('10.0.0.2');
  });

  it('is the same for all callers without one', () => {
    expect(findCaller([undefined])).toBe('unknown');
    expect(findCaller([undefined, 'nonsense'])).toBe('unknown');
  });
});

const isTrusted = (ranges: readonly string[], address: string) => trustRanges(ranges)(address);

describe('a proxy', () => {
  it.each([
    ['10.0.0.0/8', '10.255.255.255'],
    ['10.0.0.2', '10.0.0.2'],
    ['10.0.0.2', '10.0.0.2:1234'],
    ['10.0.0.2', '::ffff:10.0.0.2'],
    ['10.0.0.2', '[::ffff:a00:2]:1234'],
    ['::ffff:10.0.0.0/104', '10.9.9.9'],
    ['::ffff:10.0.0.2', '10.0.0.2'],
    ['10.1.2.3/8', '10.9.9.9'],
    ['2001:db8::/32', '[2001:DB8:ffff::1]:1234'],
    ['2001:db8::1', '2001:db8:0::1'],
    ['::/16', '::1'],
  ])('of %s is trusted in each spelling: %s', (range, address) => {
    expect(isTrusted(['192.0.2.1', range, '2001:db9::/48'], address)).toBe(true);
  });

  it.each([
    ['10.0.0.0/8', '11.0.0.0'],
    ['10.0.0.2', '10.0.0.3'],
    ['2001:db8::/32', '2001:db9::'],
    ['2001:db8::1', '2001:db8::2'],
    ['::/16', '203.0.113.3'],
    ['::/16', '::ffff:203.0.113.3'],
    ['10.0.0.0/8', 'unknown'],
    ['10.0.0.0/8', '10.0.0.2x'],
    ['10.0.0.0/8', ''],
  ])('is not trusted for %s: %s', (range, address) => {
    expect(isTrusted([range], address)).toBe(false);
  });
});

describe('a range', () => {
  it.each([
    ['10.0.0.0/8', { address: '10.0.0.0', family: 'ipv4', bits: 8 }],
    ['10.0.0.2', { address: '10.0.0.2', family: 'ipv4', bits: 32 }],
    ['2001:DB8::/32', { address: '2001:db8::', family: 'ipv6', bits: 32 }],
    ['::1', { address: '::1', family: 'ipv6', bits: 128 }],
    ['::ffff:10.0.0.0/104', { address: '10.0.0.0', family: 'ipv4', bits: 8 }],
    ['::ffff:a00:2', { address: '10.0.0.2', family: 'ipv4', bits: 32 }],
    ['::ffff:10.0.0.0/90', { address: '10.0.0.0', family: 'ipv4', bits: 0 }],
  ])('%s is valid', (text, range) => {
    expect(parseRange(text)).toEqual(range);
  });

  it.each([
    '10.0.0.0/33',
    '::/129',
    '10.0.0.2:80',
    '8/10.0.0.0/8',
    '[::1]',
    '"10.0.0.2"',
    'fe80::1%eth0',
    'unknown',
    '',
  ])('%j is invalid', (text) => {
    expect(parseRange(text)).toBeUndefined();
  });
});
