import { isImpulsError, malformed } from '../errors.js';
import { limits } from '../limits.js';
import { parseChallenges } from './challenge.js';

/**
 * `Accept-Payment` (draft-httpauth-payment-01, client payment preferences): what a client can pay with, weighed.
 *
 *   #( ( method / "*" ) "/" ( intent / "*" ) *( OWS ";" OWS name "=" value ) )
 */

/** One way of paying that a client names. */
export interface PaymentRange {
  /** `*`: any. */
  readonly method: string;
  /** `*`: any. */
  readonly intent: string;
  /** From 0, not acceptable, to 1, in thousandths at the finest. */
  readonly weight: number;
}

/** Ranges that are read. A longer list is malformed. */
const maxRanges = 64;
const range = /^([a-z0-9-]+|\*)\/([a-z0-9-]+|\*)((?:[ \t]*;[^;]*)*)$/;
const parameter = /^[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=([!#$%&'*+.^_`|~0-9A-Za-z-]+|"[^"\\]*")[ \t]*$/;
const qvalue = /^(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/;

/**
 * Parameters but `q` are ignored, and so are empty members of the list.
 *
 * @param headerValue at most 4,096 bytes, at most 64 ranges
 * @throws ImpulsError `malformed`, also for a list without a range
 */
export function parseAcceptPayment(headerValue: string): PaymentRange[] {
  if (headerValue.length > limits.headerBytes) throw malformed('an Accept-Payment value is too long');
  const ranges = headerValue
    .split(',')
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((member) => member !== '')
    .map(parseRange);
  if (ranges.length === 0 || ranges.length > maxRanges) throw malformed('not an Accept-Payment value');
  return ranges;
}

function parseRange(member: string): PaymentRange {
  const [, method, intent, parameters = ''] = range.exec(member) ?? [];
  if (method === undefined || intent === undefined) throw malformed('not a range of Accept-Payment');
  let weight: number | undefined;
  for (const text of parameters.split(';').slice(1)) {
    const [, name, value = ''] = parameter.exec(text) ?? [];
    if (name === undefined) throw malformed('not a parameter of Accept-Payment');
    if (name.toLowerCase() !== 'q') continue;
    if (weight !== undefined || !qvalue.test(value)) throw malformed('not a weight of Accept-Payment');
    weight = Number(value);
  }
  return { method, intent, weight: weight ?? 1 };
}

/**
 * How much a client wants a way of paying: the weight of the range that names it most closely, of equally close ones the
 * greatest; 0 if none names it.
 */
export function weightOf(ranges: readonly PaymentRange[], method: string, intent: string): number {
  let closest = -1;
  let weight = 0;
  for (const one of ranges) {
    const fits =
      (one.method === '*' || one.method === method) && (one.intent === '*' || one.intent === intent);
    if (!fits) continue;
    const closeness = Number(one.method !== '*') + Number(one.intent !== '*');
    if (closeness < closest || (closeness === closest && one.weight <= weight)) continue;
    closest = closeness;
    weight = one.weight;
  }
  return weight;
}

/**
 * The challenges of a 402 that a client accepts, those it wants most first, and of like ones in the order given, then those of other schemes.
 * All of them where it says nothing, nothing that can be read, or accepts none: a 402 without a challenge would tell it less.
 *
 * @param challenges `WWW-Authenticate` values with one challenge each
 * @param accept the value of `Accept-Payment`
 */
export function acceptedChallenges(
  challenges: readonly string[],
  accept: string | undefined,
): readonly string[] {
  if (accept === undefined) return challenges;
  try {
    const ranges = parseAcceptPayment(accept);
    const weighed = challenges.map((value) => ({ value, weight: weightOfChallenge(ranges, value) }));
    const accepted = weighed.filter(({ weight = 0 }) => weight > 0).sort((a, b) => b.weight! - a.weight!);
    if (accepted.length === 0) return challenges;
    return [...accepted, ...weighed.filter(({ weight }) => weight === undefined)].map(({ value }) => value);
  } catch (error) {
    if (isImpulsError(error, 'malformed')) return challenges;
    throw error;
  }
}

/** @returns undefined for a challenge of another scheme */
function weightOfChallenge(ranges: readonly PaymentRange[], value: string): number | undefined {
  const [challenge] = parseChallenges(value);
  return challenge && weightOf(ranges, challenge.method, challenge.intent);
}
