import { contentPath } from '../core/content-key.js';
import { ImpulsError, isImpulsError } from '../core/errors.js';
import { worthOf } from '../core/key-document.js';
import { platformSleep } from './environment.js';
import { createPaidKeyLoader, type HlsFragment, type HlsLoaderClass, type KeyRequest } from './hls-loader.js';
import { createMeter, keyUrlOf, type MeterReading } from './hls-meter.js';
import type { KeyBuyer } from './key-buyer.js';
import { partsOf } from './parts.js';
import type { Wallet } from './wallet.js';

export { createPaidKeyLoader } from './hls-loader.js';
export type { HlsFragment, HlsLoaderClass, KeyRequest, ProvideKey } from './hls-loader.js';

/** What is used of an `Hls` of hls.js. */
export interface HlsPlayer {
  readonly config: {
    loader: HlsLoaderClass;
    maxBufferLength: number;
    maxMaxBufferLength: number;
  };
  readonly latestLevelDetails?: { readonly fragments: readonly HlsFragment[] } | null;
  startLoad(position?: number): void;
  stopLoad(): void;
}

/** What is used of a `<video>`. */
export type FilmElement = Pick<
  HTMLMediaElement,
  'paused' | 'currentTime' | 'buffered' | 'readyState' | 'addEventListener' | 'removeEventListener'
>;

export interface FilmPaymentOptions {
  readonly buyer: KeyBuyer;
  /** The buyer's, to tell what is left and what units are worth. */
  readonly wallet?: Wallet;
  /**
   * How far ahead of the playhead may be paid. Seconds of the film, from 1; default 4. A key that is for more than that is
   * bought a second before it is needed.
   */
  readonly aheadSeconds?: number;
  /** Which keys are for sale. Default: those below `/impuls/keys/`. Others are loaded as any file. */
  readonly isForSale?: (url: string) => boolean;
  /** Told of every change, and a few times a second while the film plays. */
  readonly onState?: (state: FilmState) => void;
  /** Waits before something is tried again. Default: `setTimeout`. */
  readonly sleep?: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

/**
 * `ready`: nothing is asked for. `buying`: a key is being bought. `retrying`: the vendor cannot be reached, and is asked again and
 * again. `stopped`: somebody must do something; see `reason`, then `resume()`.
 */
export type FilmStatus = 'ready' | 'buying' | 'retrying' | 'stopped';

export interface FilmState extends MeterReading {
  readonly status: FilmStatus;
  /** Of `retrying` and `stopped`: `no-card`, `limit-exceeded`, `payment-refused`, `network`, … */
  readonly reason?: ImpulsError;
  /** The origin that sells the keys, from the first key on. */
  readonly vendor?: string;
  /** What the units were worth, e.g. `0.12 USD`; with a wallet only, from the first key on. */
  readonly worth?: string;
  /** Units that are left on the cards of the film's vendor; with a wallet only, from the first key on. */
  readonly left?: number;
  /** What these are worth. */
  readonly leftWorth?: string;
}

export interface FilmPayment {
  state(): FilmState;
  /** Goes on after a stop. @param buyer from now on, e.g. one with a higher limit */
  resume(buyer?: KeyBuyer): void;
  /** Buys nothing more, and gives hls.js its settings back. */
  detach(): void;
}

const defaultAheadSeconds = 4;
const leastLeadSeconds = 1;
const retryMs = { first: 500, most: 8000 };
/** The playhead moves on between two events of a fast film. */
const tickMs = 100;
/** `HTMLMediaElement.HAVE_FUTURE_DATA`. */
const haveFutureData = 3;

/**
 * Lets hls.js play a film whose keys are for sale. Call it before `loadSource`. Nothing is bought while the film is
 * paused, nor further ahead of the playhead than `aheadSeconds`; a key that was bought is never paid again, whatever is
 * sought, switched or reloaded. Where no payment can be made loading stops; the film plays on to the end of what is paid.
 *
 * @throws ImpulsError `invalid-argument`
 */
export function attachPayment(hls: HlsPlayer, video: FilmElement, options: FilmPaymentOptions): FilmPayment {
  const { wallet, onState, sleep = platformSleep, isForSale = isContentUrl } = options;
  const { aheadSeconds = defaultAheadSeconds } = options;
  if (!(aheadSeconds >= 1)) {
    throw new ImpulsError('invalid-argument', `aheadSeconds is 1 or more, not ${aheadSeconds}`);
  }
  const { config } = hls;
  const { loader, maxBufferLength, maxMaxBufferLength } = config;
  const meter = createMeter();
  const held = new Set<Held>();
  let buyer = options.buyer;
  let buying = 0;
  let trouble: { readonly status: 'retrying' | 'stopped'; readonly reason: ImpulsError } | undefined;
  let origin: string | undefined;
  let ticking: ReturnType<typeof setInterval> | undefined;
  /** The key of a piece that loading was begun anew for. */
  let insisted: string | undefined;
  let detached = false;

  function state(): FilmState {
    const reading = meter.read(hls.latestLevelDetails?.fragments, video.currentTime);
    return {
      ...reading,
      ...(origin !== undefined && { vendor: origin }),
      ...purse(reading.units),
      ...(trouble ?? { status: buying > 0 ? 'buying' : 'ready' }),
    };
  }

  function purse(units: number): Pick<FilmState, 'worth' | 'left' | 'leftWorth'> {
    if (!wallet || origin === undefined) return {};
    const { vendors } = partsOf(wallet);
    if (!vendors.knows(origin)) return { left: 0 };
    const { unit } = vendors.pinned(origin).document;
    const left = wallet
      .cards()
      .filter(({ vendor, status }) => vendor.origin === origin && (status === 'ready' || status === 'active'))
      .reduce((sum, card) => sum + card.left, 0);
    return { worth: worthOf(units, unit), left, leftWorth: worthOf(left, unit) };
  }

  function tell(): void {
    onState?.(state());
  }

  /** How long before a piece is needed its key may be bought, for all that the key is for. */
  function leadOf(fragment: HlsFragment): number {
    const url = keyUrlOf(fragment);
    let end = fragment.start + fragment.duration;
    for (const other of hls.latestLevelDetails?.fragments ?? []) {
      if (other.start >= end - 0.01 && keyUrlOf(other) === url) end = other.start + other.duration;
    }
    return Math.max(leastLeadSeconds, aheadSeconds - (end - fragment.start));
  }

  /** Whether the film is about to need a piece of it. Before anything is loaded hls.js begins where it wants. */
  function isDue({ start }: HlsFragment, lead: number): boolean {
    if (video.paused || trouble?.status === 'stopped') return false;
    return video.buffered.length === 0 || start - video.currentTime <= lead;
  }

  function release(): void {
    const isStarving = !video.paused && trouble?.status !== 'stopped' && video.readyState < haveFutureData;
    if (!isStarving) insisted = undefined;
    for (const { fragment, lead, go } of held) if (isDue(fragment, lead)) go();
    if (isStarving) unblock();
    if (held.size > 0) return;
    clearInterval(ticking);
    ticking = undefined;
  }

  /**
   * The film has nothing to show, and hls.js waits for a piece far from the playhead: after a seek it does not give up one that
   * it has all but the key of. So it is told to begin anew; if it insists on that piece, it is needed.
   */
  function unblock(): void {
    const [first] = held;
    if (!first) return;
    const url = keyUrlOf(first.fragment);
    if (url === insisted) {
      first.go();
      return;
    }
    insisted = url;
    hls.stopLoad();
    hls.startLoad(video.currentTime);
  }

  /** Waits until a piece is due; rejects when it is not wanted any more. */
  async function whenDue(fragment: HlsFragment, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const lead = leadOf(fragment);
    if (isDue(fragment, lead)) return;
    ticking ??= setInterval(release, tickMs);
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        held.delete(entry);
        signal.removeEventListener('abort', refuse);
      };
      const refuse = (): void => {
        leave();
        reject(signal.reason as Error);
      };
      const entry: Held = {
        fragment,
        lead,
        go: () => {
          leave();
          resolve();
        },
      };
      held.add(entry);
      signal.addEventListener('abort', refuse, { once: true });
    });
  }

  async function provide({ url, fragment, signal }: KeyRequest): Promise<Uint8Array> {
    origin = new URL(url).origin;
    for (let delay = retryMs.first; ; delay = Math.min(2 * delay, retryMs.most)) {
      await whenDue(fragment, signal);
      const error = await buy(url, fragment);
      if (error instanceof Uint8Array) return error;
      signal.throwIfAborted();
      if (isPassing(error)) {
        trouble ??= { status: 'retrying', reason: asImpulsError(error) };
        tell();
        await sleep(delay, signal);
      } else stop(asImpulsError(error));
    }
  }

  /** The key, or why there is none. What was begun is finished, also if nobody waits for it any more. */
  async function buy(url: string, fragment: HlsFragment): Promise<unknown> {
    buying++;
    tell();
    try {
      const { key, payment } = await buyer.buy(url, { until: 'received' });
      meter.note(url, fragment, payment?.units ?? 0);
      if (trouble?.status === 'retrying') trouble = undefined;
      return key;
    } catch (error) {
      return error;
    } finally {
      buying--;
      tell();
    }
  }

  function stop(reason: ImpulsError): void {
    if (trouble?.status === 'stopped') return;
    trouble = { status: 'stopped', reason };
    // Aborts all that wait for a key, also the caller of this.
    hls.stopLoad();
    tell();
  }

  const onTime = (): void => {
    release();
    if (onState) tell();
  };
  for (const event of events) video.addEventListener(event, onTime);
  config.maxBufferLength = Math.min(maxBufferLength, aheadSeconds);
  config.maxMaxBufferLength = Math.min(maxMaxBufferLength, aheadSeconds);
  config.loader = createPaidKeyLoader(loader, (request) =>
    !detached && isForSale(request.url) ? provide(request) : undefined,
  );

  return {
    state,
    resume(other) {
      if (other) buyer = other;
      if (trouble?.status !== 'stopped') return;
      trouble = undefined;
      hls.startLoad(video.buffered.length > 0 ? video.currentTime : -1);
      release();
      tell();
    },
    detach() {
      detached = true;
      for (const event of events) video.removeEventListener(event, onTime);
      clearInterval(ticking);
      Object.assign(config, { loader, maxBufferLength, maxMaxBufferLength });
    },
  };
}

interface Held {
  readonly fragment: HlsFragment;
  /** Seconds. */
  readonly lead: number;
  readonly go: () => void;
}

const events = ['timeupdate', 'play', 'playing', 'pause', 'seeking', 'seeked', 'ended', 'emptied'] as const;

function isContentUrl(url: string): boolean {
  return new URL(url).pathname.startsWith(contentPath);
}

/** Whether it may go better in a moment. A purchase that is open is finished by the next try, never made twice. */
function isPassing(error: unknown): boolean {
  return error instanceof TypeError || isImpulsError(error, 'network') || isImpulsError(error, 'unsettled');
}

function asImpulsError(error: unknown): ImpulsError {
  if (isImpulsError(error)) return error;
  const hint = 'See that the network is there.';
  if (error instanceof TypeError) {
    return new ImpulsError('network', 'the vendor of the film cannot be reached', { hint, cause: error });
  }
  return new ImpulsError('storage-failed', error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}
