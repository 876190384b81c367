import { isImpulsError } from '../../src/core/errors.js';

/** One reader of bytes that strangers, or a damaged disk, may choose. */
export interface Target {
  readonly name: string;
  /** What it takes, so that a search begins where it is interesting. */
  readonly seeds: () => readonly (Uint8Array | string)[];
  /** @throws anything that it should not: a finding */
  readonly run: (bytes: Uint8Array) => unknown;
}

/** What a reader makes of its input; undefined if it refuses in the one way that it may. */
export function accepted<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isImpulsError(error)) return undefined;
    throw error;
  }
}

export async function acceptedAsync<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isImpulsError(error)) return undefined;
    throw error;
  }
}

/** A finding: something that must be the same is not. */
export function same(found: unknown, expected: unknown, what: string): void {
  const [one, other] = [told(found), told(expected)];
  if (one !== other) throw new Error(`${what}: ${one.slice(0, 500)} is not ${other.slice(0, 500)}`);
}

/** Members that are undefined are as good as absent; bytes are named, so that they differ from text. */
function told(value: unknown): string {
  if (value === undefined) return 'nothing';
  return JSON.stringify(value, (_, member: unknown) => {
    if (member instanceof Uint8Array) return `bytes ${[...member].join()}`;
    if (member instanceof Map) return { map: [...(member as Map<unknown, unknown>)] };
    if (typeof member === 'bigint') return `integer ${member}`;
    if (Object.is(member, -0)) return 'minus 0';
    return member;
  });
}

/**
 * A reader of text whose results can be written again: what was written is taken again, as the same.
 *
 * @param format undefined where nothing is written
 */
export function textTarget<T>(
  name: string,
  parse: (text: string) => T,
  format: ((value: NonNullable<T>) => string) | undefined,
  seeds: () => readonly (Uint8Array | string)[],
): Target {
  return {
    name,
    seeds,
    run(bytes) {
      const value = accepted(() => parse(textOf(bytes)));
      if (value === undefined || value === null || !format) return;
      // Some that are read are longer than what may be written.
      const text = accepted(() => format(value));
      if (text === undefined) return;
      const again = parse(text);
      same(again, value, `${name}, written and read again`);
      if (again !== undefined && again !== null) same(format(again), text, `${name}, written twice`);
    },
  };
}

/** A reader of bytes of which there is one form only. */
export function bytesTarget<T>(
  name: string,
  decode: (bytes: Uint8Array) => T,
  encode: ((value: T) => Uint8Array) | undefined,
  seeds: () => readonly (Uint8Array | string)[],
): Target {
  return {
    name,
    seeds,
    run(bytes) {
      const before = bytes.slice();
      // In the middle of other bytes, as most arrive.
      const around = new Uint8Array(bytes.length + 7).fill(0xff);
      around.set(bytes, 3);
      const value = accepted(() => decode(around.subarray(3, 3 + bytes.length)));
      if (value !== undefined && encode) same(encode(value), before, `${name}, its only form`);
    },
  };
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

export function textOf(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}

/** The first byte says where to cut the others in two. */
export function cutInTwo(
  bytes: Uint8Array,
): readonly [whole: Uint8Array, left: Uint8Array, right: Uint8Array] {
  const [at = 0, ...rest] = bytes;
  const whole = Uint8Array.from(rest);
  return [whole, whole.subarray(0, at), whole.subarray(at)];
}
