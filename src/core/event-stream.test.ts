import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, utf8 } from './bytes.js';
import { isImpulsError } from './errors.js';
import { EventReader, formatEvent, type StreamEvent } from './event-stream.js';

describe('server-sent events', () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((text) => !/[\r\n\0]/.test(text));
  const event: fc.Arbitrary<StreamEvent> = fc.record(
    { id: line, event: line.filter((text) => text !== ''), data: fc.array(line).map((l) => l.join('\n')) },
    { requiredKeys: ['data'] },
  );

  it('are read as they were written, however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 5 }), fc.integer({ min: 1, max: 7 }), (events, size) => {
        const bytes = concat(...events.map(formatEvent));
        const reader = new EventReader();
        const read: StreamEvent[] = [];
        for (let at = 0; at < bytes.length; at += size)
          read.push(...reader.push(bytes.subarray(at, at + size)));
        expect(read).toEqual(events);
      }),
    );
  });

  it('may end their lines in any of three ways, and have comments', () => {
    for (const end of ['\n', '\r\n', '\r']) {
      const reader = new EventReader();
      const text = `: hello${end}id: 7${end}data: a${end}data:b${end}${end}: only this${end}${end}data${end}${end}x`;
      expect(reader.push(utf8(text))).toEqual([{ id: '7', data: 'a\nb' }, { data: '' }]);
    }
  });

  it('are refused where one is endless, and raise nothing else whatever comes', () => {
    expect(() => new EventReader().push(new Uint8Array((1 << 20) + 1).fill(65))).toThrow('1 MiB');
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (chunks) => {
        const reader = new EventReader();
        try {
          for (const chunk of chunks) reader.push(chunk);
        } catch (error) {
          expect(isImpulsError(error)).toBe(true);
        }
      }),
    );
  });
});
