import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../test/support/code-of.js';
import { decodeText, encodeText } from './base64url-text.js';
import type { JsonValue } from './canonical-json.js';
import {
  formatState,
  parseState,
  reportFromJson,
  reportToJson,
  stateFromJson,
  stateToJson,
  type StateMessage,
} from './state-header.js';

const sample: StateMessage = {
  verdict: 'conflict',
  units: 1000,
  spent: 10,
  top: 15,
  expires: 1_952_000_000,
  gaps: [
    [2, 5],
    [7, 9],
  ],
  holder: new Uint8Array(16).fill(1),
  mac: new Uint8Array(16).fill(2),
};
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

const states: fc.Arbitrary<StateMessage> = fc
  .record({
    verdict: fc.constantFrom('accepted' as const, 'conflict' as const, 'activate' as const, 'state' as const),
    units: fc.integer({ min: 0, max: 0xffff_ffff }),
    expires: fc.integer({ min: 0, max: 0xffff_ffff }),
    edges: fc.uniqueArray(fc.integer({ min: 0, max: 0xffff_ffff }), { maxLength: 128 }),
    holder: bytes(16),
    mac: bytes(16),
  })
  .map(({ verdict, units, expires, edges, holder, mac }) => {
    const ends = edges.sort((a, b) => a - b);
    const gaps: [number, number][] = [];
    for (let i = 0; i + 1 < ends.length; i += 2) gaps.push([ends[i]!, ends[i + 1]!]);
    const report = { units, spent: units >>> 1, top: ends.at(-1) ?? 0, expires, gaps };
    return { verdict, ...report, ...(verdict === 'conflict' && { holder }), mac };
  });

describe('the Impuls-State header', () => {
  it('is base64url of JSON', () => {
    expect(decodeText(formatState(sample))).toBe(
      '{"verdict":"conflict","units":1000,"spent":10,"top":15,"expires":1952000000,"gaps":[[2,5],[7,9]],' +
        '"holder":"AQEBAQEBAQEBAQEBAQEBAQ","mac":"AgICAgICAgICAgICAgICAg"}',
    );
  });

  it('is read as it was written, and so is its JSON', () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(parseState(formatState(state))).toStrictEqual(state);
        expect(stateFromJson(stateToJson(state))).toStrictEqual(state);
        expect({ ...state, ...reportFromJson(reportToJson(state)) }).toStrictEqual(state);
        expect(Object.keys(reportToJson(state))).not.toContain('mac');
      }),
    );
  });

  it('writes bytes that lie in the middle of others', () => {
    const mac = new Uint8Array(20).fill(2).subarray(3, 19);
    expect(formatState({ ...sample, mac })).toBe(formatState(sample));
  });

  it('may show gaps that touch, as those of stream do', () => {
    const gaps = [
      [1, 2],
      [2, 3],
    ] as const;
    expect(stateFromJson(stateToJson({ ...sample, gaps })).gaps).toEqual(gaps);
  });

  it.each<[string, unknown]>([
    ['verdict', 'unknown'],
    ['verdict', 'toString'],
    ['verdict', 'accepted'],
    ['units', 9],
    ['units', -1],
    ['spent', 1.5],
    ['top', 2 ** 32],
    ['expires', '1952000000'],
    ['gaps', {}],
    ['gaps', [[2, 5, 6]]],
    ['gaps', [[2]]],
    ['gaps', [2, 5]],
    ['gaps', [[5, 5]]],
    ['gaps', [[5, 2]]],
    ['gaps', [[2, 16]]],
    [
      'gaps',
      [
        [7, 9],
        [2, 5],
      ],
    ],
    [
      'gaps',
      [
        [2, 5],
        [4, 9],
      ],
    ],
    ['holder', null],
    ['holder', 'AQ'],
    ['mac', 'AgICAgICAgICAgICAgICAgI'],
    ['mac', undefined],
    ['gaps', undefined],
    ['top', undefined],
  ])('is refused where %s is %j', (name, value) => {
    const json = { ...stateToJson(sample), [name]: value };
    expect(codeOf(() => stateFromJson(json as JsonValue))).toBe('malformed');
    expect(codeOf(() => parseState(encodeText(JSON.stringify(json))))).toBe('malformed');
  });

  it('holds at most 4,096 gaps and 64 KiB', () => {
    const many = (count: number): StateMessage => ({
      ...sample,
      top: 2 * count,
      gaps: Array.from({ length: count }, (_, i) => [2 * i, 2 * i + 1] as const),
    });
    expect(stateFromJson(stateToJson(many(4096))).gaps).toHaveLength(4096);
    expect(codeOf(() => stateFromJson(stateToJson(many(4097))))).toBe('malformed');
    expect(codeOf(() => parseState(formatState(many(4096))))).toBe('none');
    expect(codeOf(() => parseState('A'.repeat(65_537)))).toBe('malformed');
  });

  it('raises only its own error', () => {
    const header = formatState(sample);
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.jsonValue(),
        fc.nat(header.length),
        (noise, value, at) => {
          codeOf(() => parseState(noise));
          codeOf(() => stateFromJson(value as JsonValue));
          codeOf(() => stateFromJson({ ...stateToJson(sample), gaps: value as JsonValue }));
          codeOf(() => parseState(header.slice(0, at) + noise + header.slice(at)));
        },
      ),
    );
    for (let at = 0; at < header.length; at++) {
      expect(codeOf(() => parseState(header.slice(0, at)))).toBe('malformed');
    }
  });
});
