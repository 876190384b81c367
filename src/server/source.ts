/** Who calls, as far as the failure budget needs to know (`Call.source`). */

/**
 * An IPv4 address as it is; of an IPv6 address the first 64 bits, since one subscriber has at least all that begin with them.
 *
 * @returns undefined for what is no address
 */
export function sourceOfAddress(address: string | undefined): string | undefined {
  const plain = address?.trim().replace(/^\[(.*)\](?::\d+)?$/, '$1') ?? '';
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(plain)?.[1];
  const v4 = /^(\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?$/.exec(mapped ?? plain)?.[1];
  if (v4 !== undefined) return v4;
  const v6 = plain.replace(/%.*$/, '');
  if (!/^[\da-f:.]*:[\da-f:.]*$/i.test(v6) || !URL.canParse(`http://[${v6}]`)) return undefined;
  // As the URL standard writes it: groups in lower case without leading zeros, the longest run of zeros as "::".
  const [head = '', tail] = new URL(`http://[${v6}]`).hostname.slice(1, -1).split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  return `${[...before, ...zeros, ...after].slice(0, 4).join(':')}::/64`;
}
