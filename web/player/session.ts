import Hls, { type ErrorData, type Level } from 'hls.js';
import type { Wallet } from 'impuls/client';
import { createKeyBuyer, type KeyBuyer, type KeyLibrary } from 'impuls/client/content';
import { attachPayment, type FilmState } from 'impuls/client/hls';
import { limitsUnder, readCaps } from '../common/caps.js';
import type { Problem } from '../common/problems.js';
import { readPosition, writePosition } from './memory.js';

/** A film that is open, and what is shown of it. */
export interface Session {
  /** @returns what stops it */
  subscribe(listener: (screen: Screen) => void): () => void;
  play(): void;
  pause(): void;
  /** Goes on after a stop. */
  resume(): void;
  /** @param cap units that the film may cost at this sitting, from now on */
  allow(cap: number): void;
  /** @param level of `Screen.levels`; -1 to choose by the speed of the network */
  choose(level: number): void;
  /** Tries what failed again. */
  retry(): void;
  close(): void;
}

export interface Screen {
  readonly film: FilmState;
  readonly playing: boolean;
  /** Whether play was ever pressed. */
  readonly started: boolean;
  readonly ended: boolean;
  readonly live: boolean;
  readonly levels: readonly { readonly name: string }[];
  /** -1: chosen by the speed of the network. */
  readonly level: number;
  /** Why the film itself cannot be shown; payments are in `film`. */
  readonly problem?: Problem;
}

export interface SessionOptions {
  /** The address of its first playlist. */
  readonly film: string;
  readonly video: HTMLVideoElement;
  readonly wallet: Wallet;
  readonly library: KeyLibrary;
  readonly cap: number;
}

/** Seconds that may be paid ahead. */
const aheadSeconds = 4;
const videoEvents = ['play', 'pause', 'ended', 'seeking'] as const;

export function openSession({ film, video, wallet, library, cap }: SessionOptions): Session {
  const listeners = new Set<(screen: Screen) => void>();
  const hls = new Hls({ enableWorker: false, startPosition: readPosition(film) });
  let allowed = cap;
  let started = false;
  let recovered = false;
  /** Units on the cards when there were too few; more of them let the film go on. */
  let leftAtStop = Infinity;
  let problem: Problem | undefined;
  const payment = attachPayment(hls, video, {
    buyer: makeBuyer(0),
    wallet,
    aheadSeconds,
    onState: ({ status, left = 0 }) => {
      leftAtStop = status === 'stopped' ? Math.min(leftAtStop, left) : Infinity;
      // Where one left, for a page that is loaded again.
      if (started && !video.ended) writePosition(film, video.currentTime);
      tell();
    },
  });

  function makeBuyer(spent: number): KeyBuyer {
    const ofWallet = limitsUnder(readCaps(), wallet.history(), Date.now());
    const total = Math.min(Math.max(0, allowed - spent), ofWallet.total);
    return createKeyBuyer({ wallet, library, limits: { ...ofWallet, total } });
  }

  function screen(): Screen {
    return {
      film: payment.state(),
      playing: !video.paused,
      started,
      ended: video.ended,
      live: hls.latestLevelDetails?.live ?? false,
      levels: hls.levels.map((level) => ({ name: nameLevel(level) })),
      level: hls.autoLevelEnabled ? -1 : hls.loadLevel,
      ...(problem && { problem }),
    };
  }

  function tell(): void {
    const shown = screen();
    for (const listener of listeners) listener(shown);
  }

  function resume(): void {
    payment.resume(makeBuyer(payment.state().units));
  }

  function fail(error: ErrorData): void {
    if (!error.fatal) return;
    if (error.type === Hls.ErrorTypes.MEDIA_ERROR && !recovered) {
      recovered = true;
      hls.recoverMediaError();
      return;
    }
    problem =
      error.type === Hls.ErrorTypes.NETWORK_ERROR
        ? {
            what: 'The film cannot be loaded.',
            next: 'Check the connection and the address of the film. Nothing is paid.',
          }
        : {
            what: 'This browser cannot play the film.',
            next: `It says: ${error.details}. Nothing more is paid.`,
          };
    tell();
  }

  const changed = (): void => {
    if (!video.paused) started = true;
    if (video.ended) writePosition(film, undefined);
    tell();
  };
  for (const event of videoEvents) video.addEventListener(event, changed);
  // Also by another tab.
  const unwatch = wallet.onChange(() => {
    const { status, reason, left = 0 } = payment.state();
    if (status === 'stopped' && reason?.code === 'no-card' && left > leftAtStop) resume();
    else tell();
  });
  hls.on(Hls.Events.ERROR, (_event, error) => fail(error));
  for (const event of [
    Hls.Events.MANIFEST_PARSED,
    Hls.Events.LEVEL_SWITCHED,
    Hls.Events.LEVEL_UPDATED,
  ] as const) {
    hls.on(event, tell);
  }
  hls.loadSource(film);
  hls.attachMedia(video);

  return {
    subscribe(listener) {
      listeners.add(listener);
      listener(screen());
      return () => listeners.delete(listener);
    },
    play() {
      // Refused only where a person did not ask for it; then the button is still there.
      video.play().catch(() => tell());
    },
    pause: () => video.pause(),
    resume,
    allow(units) {
      allowed = units;
      const { status, reason, units: spent } = payment.state();
      if (status !== 'stopped' || reason?.code === 'limit-exceeded') payment.resume(makeBuyer(spent));
    },
    choose(level) {
      hls.nextLevel = level;
      tell();
    },
    retry() {
      problem = undefined;
      if (hls.levels.length === 0) hls.loadSource(film);
      else hls.startLoad(video.currentTime);
      tell();
    },
    close() {
      unwatch();
      for (const event of videoEvents) video.removeEventListener(event, changed);
      payment.detach();
      hls.destroy();
    },
  };
}

function nameLevel({ height, bitrate }: Level): string {
  return height > 0 ? `${height}p` : `${Math.round(bitrate / 1000)} kbit/s`;
}
