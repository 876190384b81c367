import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sourceBehindProxy, sourceOfAddress } from './source.js';

describe('the source of a call', () => {
  it('is an IPv4 address, however it is written', () => {
    for (const text of ['192.0.2.7', ' 192.0.2.7 ', '::ffff:192.0.2.7', '192.0.2.7:4711']) {
      expect(sourceOfAddress(text)).toBe('192.0.2.7');
    }
  });

  it('is the network of 64 bits of an IPv6 address', () => {
    for (const text of [
      '2001:db8:0:7::1',
      '2001:DB8::7:1:2:3:4',
      '[2001:db8:0:7::9]:4711',
      '2001:db8:0:7::1%eth0',
    ]) {
      expect(sourceOfAddress(text)).toBe('2001:db8:0:7::/64');
    }
    expect(sourceOfAddress('::1')).toBe('0:0:0:0::/64');
    expect(sourceOfAddress('2001:db8::')).toBe('2001:db8:0:0::/64');
  });

  it('is the same for all addresses of a network, and for no other', () => {
    const group = fc.integer({ min: 0, max: 0xffff }).map((n) => n.toString(16));
    const half = fc.array(group, { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(half, half, half, (network, host, other) => {
        const of = (...groups: string[]): string | undefined => sourceOfAddress(groups.join(':'));
        expect(of(...network, ...host)).toBe(of(...network, ...other));
        expect(of(...network, ...host) === of(...other, ...host)).toBe(network.join() === other.join());
      }),
    );
  });

  it('is nothing for what is no address', () => {
    for (const text of [undefined, '', 'unknown', '_hidden', '1.2.3', 'localhost']) {
      expect(sourceOfAddress(text)).toBeUndefined();
    }
    fc.assert(fc.property(fc.string(), (text) => void sourceOfAddress(text)));
  });

  it('is behind a proxy what the proxy says, not what the caller says of itself', () => {
    const read = sourceBehindProxy('x-forwarded-for');
    const call = (value?: string | string[]): IncomingMessage =>
      ({ headers: { 'x-forwarded-for': value }, socket: { remoteAddress: '127.0.0.1' } }) as never;
    expect(read(call('198.51.100.1, 192.0.2.7'))).toBe('192.0.2.7');
    expect(read(call(['198.51.100.1', '192.0.2.8']))).toBe('192.0.2.8');
    expect(read(call())).toBe('127.0.0.1');
    expect(read(call('unknown'))).toBe('127.0.0.1');
  });
});
