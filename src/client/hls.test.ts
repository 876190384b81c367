import type Hls from 'hls.js';
import { describe, expect, it } from 'vitest';
import { ImpulsError } from '../core/errors.js';
import type { HlsCallbacks, HlsFragment, HlsRequest, HlsStats } from './hls-loader.js';
import { attachPayment, type FilmElement, type FilmState, type HlsPlayer } from './hls.js';
import type { KeyBuyer } from './key-buyer.js';

const keyUrl = (n: number): string => `https://film.example/impuls/keys/${String(n).padStart(22, 'A')}`;

function fragment(n: number): HlsFragment {
  return { start: 2 * n, duration: 2, levelkeys: { identity: { uri: keyUrl(n) } } };
}

class BaseLoader {
  static loaded: string[] = [];
  context: HlsRequest | null = null;
  stats: HlsStats = { aborted: false, loaded: 0, total: 0, loading: { start: 0, first: 0, end: 0 } };
  destroyed = false;
  load({ url }: HlsRequest): void {
    BaseLoader.loaded.push(url);
  }
  abort(): void {}
  destroy(): void {
    this.destroyed = true;
  }
}

class FakeVideo extends EventTarget {
  paused = true;
  currentTime = 0;
  readyState = 4;
  buffered = { length: 0, start: () => 0, end: () => 0 };
  play(): void {
    this.paused = false;
    this.dispatchEvent(new Event('play'));
  }
  move(to: number): void {
    this.currentTime = to;
    this.buffered = { ...this.buffered, length: 1 };
    this.dispatchEvent(new Event('timeupdate'));
  }
}

function createStage(answer: (url: string, nth: number) => number | ImpulsError = () => 1) {
  const video = new FakeVideo();
  const asked: string[] = [];
  const buyer: KeyBuyer = {
    async buy(url) {
      asked.push(url);
      const units = answer(url, asked.length);
      if (units instanceof Error) throw units;
      const payment = { units } as never;
      return units > 0 ? { key: new Uint8Array(16).fill(7), payment } : { key: new Uint8Array(16) };
    },
  };
  const calls: string[] = [];
  const loaders = new Set<BaseLoader>();
  const hls: HlsPlayer = {
    config: { loader: BaseLoader, maxBufferLength: 30, maxMaxBufferLength: 600 },
    latestLevelDetails: { fragments: [0, 1, 2, 3].map(fragment) },
    startLoad: (position) => calls.push(`start ${position}`),
    stopLoad() {
      calls.push('stop');
      for (const loader of loaders) loader.abort();
    },
  };
  const states: FilmState[] = [];
  const sleeps: number[] = [];
  const payment = attachPayment(hls, video satisfies FilmElement, {
    buyer,
    onState: (state) => states.push(state),
    sleep: async (milliseconds, signal) => {
      sleeps.push(milliseconds);
      signal?.throwIfAborted();
    },
  });
  /** Asks as hls.js does. */
  function request(n: number, more: Partial<HlsRequest> = {}) {
    const loader = new (hls.config.loader as unknown as new (config: object) => BaseLoader)(hls.config);
    const got: { key?: Uint8Array; error?: string; aborted?: boolean } = {};
    const callbacks: HlsCallbacks = {
      onSuccess: (response) => (got.key = new Uint8Array((response as { data: ArrayBuffer }).data)),
      onError: ({ text }) => (got.error = text),
      onAbort: () => (got.aborted = true),
    };
    loaders.add(loader);
    const context = { url: keyUrl(n), type: 'key', frag: fragment(n), ...more };
    (loader.load as (...parts: unknown[]) => void)(context, {}, callbacks);
    return { loader, got };
  }
  return { video, asked, calls, hls, states, sleeps, payment, request };
}

/** Lets everything run that needs no time. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('attachPayment', () => {
  it('takes the Hls of hls.js as it is', () => {
    const check = (hls: Hls): HlsPlayer => hls;
    expect(check).toBeTypeOf('function');
  });

  it('buys nothing before play is pressed, and then the key that is needed', async () => {
    const { video, asked, request } = createStage();
    const { got } = request(0);
    await settle();
    expect(asked).toEqual([]);
    video.play();
    await settle();
    expect(asked).toEqual([keyUrl(0)]);
    expect(got.key).toEqual(new Uint8Array(16).fill(7));
  });

  it('holds a key until what it is for ends within the seconds that may be paid ahead', async () => {
    const { video, asked, request } = createStage();
    video.play();
    video.move(0.5);
    request(3);
    await settle();
    expect(asked).toEqual([]);
    video.move(3.9);
    await settle();
    expect(asked).toEqual([]);
    video.move(4);
    await settle();
    expect(asked).toEqual([keyUrl(3)]);
  });

  it('buys a key that is for more than may be paid ahead a second before it is needed', async () => {
    const { hls, video, asked, request } = createStage();
    const fragments = [0, 1, 2, 3, 4].map((n) => ({ ...fragment(1), start: 2 * n, duration: 2 }));
    Object.assign(hls, { latestLevelDetails: { fragments } });
    video.play();
    video.move(0.9);
    request(1);
    await settle();
    expect(asked).toEqual([]);
    video.move(1);
    await settle();
    expect(asked).toEqual([keyUrl(1)]);
  });

  it('has loading begin anew where hls.js waits for a key that a seek has left behind', async () => {
    const { video, asked, calls, request } = createStage();
    video.play();
    video.move(0.5);
    const { got } = request(3);
    await settle();
    // A seek to where nothing is; hls.js goes on waiting.
    video.readyState = 1;
    video.move(0.6);
    expect(calls).toEqual(['stop', 'start 0.6']);
    expect(got.aborted).toBe(true);
    // It asks for the very same, so that is what it needs.
    const again = request(3);
    video.move(0.6);
    await settle();
    expect(calls).toHaveLength(2);
    expect(asked).toEqual([keyUrl(3)]);
    expect(again.got.key).toBeDefined();
  });

  it('lets hls.js load no further ahead than may be paid, and gives its settings back', () => {
    const { hls, payment } = createStage();
    expect(hls.config).toMatchObject({ maxBufferLength: 4, maxMaxBufferLength: 4 });
    payment.detach();
    expect(hls.config).toEqual({ loader: BaseLoader, maxBufferLength: 30, maxMaxBufferLength: 600 });
  });

  it('does not buy what was given up before it was due', async () => {
    const { video, asked, request } = createStage();
    const { loader, got } = request(0);
    loader.abort();
    expect(got.aborted).toBe(true);
    video.play();
    await settle();
    expect(asked).toEqual([]);
    expect(got.key).toBeUndefined();
  });

  it('answers nobody who has given up while the key was bought', async () => {
    const { video, asked, request } = createStage();
    video.play();
    const { loader, got } = request(0);
    loader.abort();
    loader.destroy();
    await settle();
    expect(asked).toHaveLength(1);
    expect(got).toEqual({ aborted: true });
  });

  it.each(['no-card', 'limit-exceeded', 'payment-refused', 'bad-key'] as const)(
    'stops on %s with the reason, and goes on where it was after resume',
    async (code) => {
      const { video, asked, calls, states, payment, request } = createStage((_, nth) =>
        nth === 1 ? new ImpulsError(code, 'it cannot be paid') : 1,
      );
      video.play();
      video.move(1);
      const { got } = request(1);
      await settle();
      expect(calls).toEqual(['stop']);
      expect(got).toEqual({ aborted: true });
      expect(states.at(-1)).toMatchObject({ status: 'stopped', reason: { code } });
      // Whoever asks now is kept waiting.
      const second = request(1);
      await settle();
      expect(asked).toHaveLength(1);
      payment.resume();
      await settle();
      expect(calls).toEqual(['stop', 'start 1']);
      expect(second.got.key).toBeDefined();
      expect(payment.state()).toMatchObject({ status: 'ready', units: 1 });
    },
  );

  it('goes on with another buyer if it is given one', async () => {
    const { video, payment, request } = createStage(() => new ImpulsError('limit-exceeded', 'too much'));
    video.play();
    request(0);
    await settle();
    let bought = 0;
    payment.resume({ buy: async () => ({ key: new Uint8Array(16).fill(++bought) }) });
    const { got } = request(0);
    await settle();
    expect(got.key).toEqual(new Uint8Array(16).fill(1));
  });

  it.each(['network', 'unsettled'] as const)('tries again on %s, and tells so', async (code) => {
    const { video, sleeps, states, request } = createStage((_, nth) =>
      nth < 8 ? new ImpulsError(code, 'nobody answers') : 1,
    );
    video.play();
    const { got } = request(0);
    for (let turns = 0; turns < 20; turns++) await settle();
    expect(got.key).toBeDefined();
    expect(sleeps).toEqual([500, 1000, 2000, 4000, 8000, 8000, 8000]);
    expect(states.some(({ status, reason }) => status === 'retrying' && reason?.code === code)).toBe(true);
    expect(states.at(-1)).toMatchObject({ status: 'ready', units: 1 });
  });

  it('meters what was paid, for how long, and what lies ahead', async () => {
    const { video, payment, request } = createStage((url) => (url === keyUrl(0) ? 3 : 0));
    video.play();
    request(0);
    request(1);
    await settle();
    video.move(0.5);
    expect(payment.state()).toMatchObject({
      units: 3,
      keys: 1,
      seconds: 2,
      unitsPerMinute: 90,
      paidAheadSeconds: 3.5,
    });
  });

  it('leaves everything that is no key for sale to the loader that was there', async () => {
    const { asked, request } = createStage();
    const loaded = (BaseLoader.loaded = []);
    request(0, { type: 'media-fragment', url: 'https://cdn.example/0.ts' });
    request(0, { url: 'https://film.example/free.key' });
    await settle();
    expect(loaded).toEqual(['https://cdn.example/0.ts', 'https://film.example/free.key']);
    expect(asked).toEqual([]);
  });

  it('knows a key of an older hls.js by its keyInfo', async () => {
    const { video, asked, request } = createStage();
    video.play();
    request(0, { type: undefined as never, keyInfo: {} });
    await settle();
    expect(asked).toEqual([keyUrl(0)]);
  });

  it('refuses to look less than a second ahead', () => {
    const { hls, video } = createStage();
    const buyer: KeyBuyer = { buy: () => Promise.reject(new ImpulsError('no-card', 'none')) };
    expect(() => attachPayment(hls, video, { buyer, aheadSeconds: 0.5 })).toThrow(/aheadSeconds/);
  });
});
