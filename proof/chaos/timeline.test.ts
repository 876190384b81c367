import { describe, expect, it } from 'vitest';
import { drawTimeline } from './picture.js';
import { countSeconds, measureStalls, type Episode } from './timeline.js';

const episode = (name: string, struckAt: number, mendedAt: number): Episode => ({
  name,
  what: `${name} breaks`,
  struckAt,
  mendedAt,
});
const answeredAt = (...times: readonly number[]) => times.map((at) => ({ begun: at - 50, at }));

describe('the stall that a fault brings', () => {
  it('is the longest time without an answer, from the moment it strikes until some time after it is mended', () => {
    const answers = answeredAt(900, 1100, 4100, 4200, 5000, 6000, 7000, 8000);
    expect(measureStalls([episode('disk', 1000, 4000)], answers)).toMatchObject([
      { lasted: 3000, stalled: 3000 },
    ]);
  });

  it('lasts as long as it is looked at where nothing is answered any more', () => {
    expect(measureStalls([episode('disk', 1000, 2000)], answeredAt(500))).toMatchObject([{ stalled: 5000 }]);
  });

  it('ends where the next fault strikes', () => {
    const [first, second] = measureStalls(
      [episode('disk', 1000, 1100), episode('power', 2000, 9000)],
      answeredAt(1500, 9000, 10_000, 11_000, 12_000),
    );
    expect(first).toMatchObject({ stalled: 500 });
    expect(second).toMatchObject({ stalled: 7000 });
  });

  it('counts the payments that were under way while it was there, and took longer than a second', () => {
    const answers = [
      { begun: 0, at: 900 },
      { begun: 500, at: 3500 },
      { begun: 1200, at: 1300 },
      { begun: 1900, at: 3100 },
      { begun: 2500, at: 9000 },
    ];
    expect(measureStalls([episode('disk', 1000, 2000)], answers)).toMatchObject([
      { delayed: 2, slowest: 3000 },
    ]);
  });
});

describe('the picture of a run', () => {
  it('counts answers by the second in which they came', () => {
    expect(countSeconds(answeredAt(999, 1000, 1999, 2000, 3500), 1000, 3500)).toEqual([2, 1, 1]);
  });

  it('is an image of SVG that says in words what broke', () => {
    const svg = drawTimeline({
      title: 'Payments & "faults"',
      seconds: [3, 0, 5],
      episodes: [{ what: 'a <node> is killed', from: 1, to: 2 }],
    });
    expect(svg).toContain('aria-label="Payments &amp; &quot;faults&quot;"');
    expect(svg).toContain('a &lt;node> is killed');
    expect(svg).not.toMatch(/NaN|undefined/);
  });
});
