import { toBase64url } from '../base64url.js';
import { malformed } from '../errors.js';
import type { CardReport } from '../receipt.js';
import type { Verdict } from '../spend.js';
import { decodeText, encodeText } from './base64url-text.js';
import { parseJson, type JsonObject, type JsonValue } from './canonical-json.js';
import { expectArray, expectBytes, expectObject, expectText, expectUint32 } from './json-members.js';

/** What a state answers: a claim, an activation, or a question for the state. */
export type StateVerdict = Verdict | 'activate' | 'state';

/** The authenticated state of a card (docs/spec.md §7): in `Impuls-State`, and in the replies of two endpoints. */
export interface StateMessage extends CardReport {
  readonly verdict: StateVerdict;
  /** 16 bytes. */
  readonly mac: Uint8Array;
}

const verdicts: Readonly<Record<StateVerdict, true>> = {
  accepted: true,
  repeated: true,
  'in-progress': true,
  'outcome-unknown': true,
  'already-claimed': true,
  released: true,
  conflict: true,
  insufficient: true,
  crowded: true,
  forged: true,
  expired: true,
  mismatched: true,
  restored: true,
  activate: true,
  state: true,
};

/** Characters of an `Impuls-State` value, and gaps in any state: far more than a card can have (64 and those of releases). */
const maxState = 65_536;
const maxGaps = 4096;

/** @returns base64url of JSON, for a header */
export function formatState(message: StateMessage): string {
  return encodeText(JSON.stringify(stateToJson(message)));
}

/** @throws ImpulsError `malformed` */
export function parseState(headerValue: string): StateMessage {
  if (headerValue.length > maxState) throw malformed('a state is too long');
  return stateFromJson(parseJson(decodeText(headerValue)));
}

/** As JSON, for a body. */
export function stateToJson(message: StateMessage): JsonObject {
  return { verdict: message.verdict, ...reportToJson(message), mac: toBase64url(message.mac) };
}

/** Unknown members are ignored: the MAC does not cover them. @throws ImpulsError `malformed` */
export function stateFromJson(value: JsonValue): StateMessage {
  const json = expectObject(value, 'state');
  const verdict = expectText(json['verdict'], 'verdict');
  if (!isVerdict(verdict)) throw malformed('a state with an unknown verdict');
  if (json['holder'] !== undefined && verdict !== 'conflict') throw malformed('a holder without a conflict');
  return { verdict, ...reportFromJson(json), mac: expectBytes(json['mac'], 16, 'mac') };
}

/** A state without its verdict and its MAC, as a statement carries it. */
export function reportToJson(report: CardReport): JsonObject {
  const { units, spent, top, expires, gaps, holder } = report;
  return { units, spent, top, expires, gaps, ...(holder && { holder: toBase64url(holder) }) };
}

/** @throws ImpulsError `malformed`, also for gaps that are not in order or beyond `top` */
export function reportFromJson(value: JsonValue): CardReport {
  const json = expectObject(value, 'state');
  const units = expectUint32(json['units'], 'units');
  const spent = expectUint32(json['spent'], 'spent');
  const top = expectUint32(json['top'], 'top');
  if (spent > units) throw malformed('a state that spent more than it has');
  const holder = json['holder'];
  return {
    units,
    spent,
    top,
    expires: expectUint32(json['expires'], 'expires'),
    gaps: readGaps(json['gaps'], top),
    ...(holder !== undefined && { holder: expectBytes(holder, 16, 'holder') }),
  };
}

function readGaps(value: JsonValue | undefined, top: number): [from: number, to: number][] {
  const items = expectArray(value, 'gaps');
  if (items.length > maxGaps) throw malformed(`more than ${maxGaps} gaps`);
  let above = 0;
  return items.map((item) => {
    const pair = expectArray(item, 'a gap');
    const from = expectUint32(pair[0], 'from');
    const to = expectUint32(pair[1], 'to');
    if (pair.length !== 2 || from < above || from >= to || to > top) throw malformed('gaps out of order');
    above = to;
    return [from, to];
  });
}

function isVerdict(text: string): text is StateVerdict {
  return Object.hasOwn(verdicts, text);
}
