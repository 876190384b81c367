import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { framesPerSecond, makeFilm, type FilmOptions } from '../support/film.js';
import {
  desktop,
  openProfile,
  startShop,
  startStatic,
  type Profile,
  type ProfileOptions,
  type Shop,
  type StaticHost,
} from './support.js';

/** A vendor, a dumb host with encrypted films, and people in front of the player. */
export interface Cinema {
  readonly shop: Shop;
  readonly host: StaticHost;
  /** The folder of what the host serves. */
  readonly cdn: string;
  /** Packs a film, as if it were new: none of its keys was sold before. */
  show(
    name: string,
    options: FilmOptions & { readonly keyEvery?: number; readonly price?: number },
  ): Promise<Shown>;
  /** How often each key of a film was charged, by the vendor's own word. */
  charges(film: Shown): ReadonlyMap<string, number>;
  close(): Promise<void>;
}

export interface Shown {
  readonly url: string;
  /** The clear segments. */
  readonly clear: string;
  /** Addresses of the keys, in the order of the film. */
  readonly keys: readonly string[];
  readonly seconds: number;
  readonly frames: number;
}

export async function openCinema(): Promise<Cinema> {
  const shop = await startShop('Test Cinema');
  const folder = await mkdtemp(join(tmpdir(), 'impuls-cinema-'));
  const cdn = join(folder, 'cdn');
  await mkdir(cdn);
  const host = await startStatic(cdn);
  const made = new Set<string>();
  return {
    shop,
    host,
    cdn,
    async show(name, options) {
      const { seconds, codec = 'h264', renditions = 1 } = options;
      const clear = join(folder, `${codec}-${seconds}-${renditions}`);
      if (!made.has(clear)) await makeFilm(clear, options);
      made.add(clear);
      const out = join(cdn, name);
      const price = ['--price', String(options.price ?? 1), '--every', String(options.keyEvery ?? 1)];
      const words = [...price, '--vendor', 'shop', '--out', out];
      const { root } = await shop.box.json<{ root: string }>('pack', '--hls', clear, ...words);
      const media = renditions === 2 ? '0/film.m3u8' : 'film.m3u8';
      const text = await readFile(join(out, media), 'utf8');
      const keys = [...new Set([...text.matchAll(/URI="(http[^"]+)"/g)].map(([, url]) => url!))];
      return {
        url: `${host.origin}/${name}/${root}`,
        clear,
        keys,
        seconds,
        frames: seconds * framesPerSecond,
      };
    },
    charges(film) {
      const counts = new Map<string, number>();
      for (const { target, verdict } of shop.paid()) {
        const url = shop.origin + target;
        if (verdict === 'accepted' && film.keys.includes(url)) counts.set(url, (counts.get(url) ?? 0) + 1);
      }
      return counts;
    },
    async close() {
      await host.close();
      await shop.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Somebody before the player: a tab of a profile. */
export interface Viewer {
  readonly page: Page;
  /** Redeems in the open panel. @param code default: the one that is there */
  redeem(code?: string): Promise<void>;
  play(rate?: number): Promise<void>;
  seek(seconds: number): Promise<void>;
  time(): Promise<number>;
  frames(): Promise<number>;
  /** Units that the meter shows. */
  units(): Promise<number>;
  status(): Promise<string>;
  /** Waits until the page says so. */
  until(condition: Condition, timeoutMs?: number): Promise<void>;
}

export type Condition =
  | { readonly ended: true }
  | { readonly past: number }
  | { readonly status: 'ready' | 'buying' | 'retrying' | 'stopped' }
  /** No more frames are there, and the film does not move. */
  | { readonly starved: true };

export async function openViewer(
  profile: Profile,
  cinema: Cinema,
  film: Pick<Shown, 'url'>,
  code?: string,
): Promise<Viewer> {
  const fields = new URLSearchParams({ film: film.url, ...(code !== undefined && { code }) });
  const page = await profile.open(`${cinema.shop.origin}/impuls/player/#${fields.toString()}`);
  await page.waitForSelector('.film[data-status]');
  return viewerOf(page);
}

export function viewerOf(page: Page): Viewer {
  const video = <T>(read: (video: HTMLVideoElement) => T): Promise<T> =>
    page.$eval('video', read as (element: HTMLVideoElement | SVGElement) => T);
  return {
    page,
    async redeem(code) {
      if (code !== undefined) await page.fill('#code', code);
      await page.click('.top-up button.primary');
      await page.waitForFunction(() => !document.querySelector('.top-up'));
    },
    async play(rate = 4) {
      await page.click('.start, .panel > .row .primary');
      await page.$eval('video', (element, speed) => (element.playbackRate = speed), rate);
    },
    async seek(seconds) {
      await page.$eval('video', (element, to) => (element.currentTime = to), seconds);
    },
    time: () => video((element) => element.currentTime),
    frames: () => video((element) => element.getVideoPlaybackQuality().totalVideoFrames),
    units: async () => Number(await page.getAttribute('.meter', 'data-units')),
    status: async () => (await page.getAttribute('.film', 'data-status'))!,
    async until(condition, timeoutMs = 30_000) {
      await page.waitForFunction(
        (wanted) => {
          const element = document.querySelector('video')!;
          const shown = document.querySelector<HTMLElement>('.film')!.dataset['status'];
          if ('ended' in wanted) return element.ended;
          if ('past' in wanted) return element.currentTime > wanted.past;
          if ('status' in wanted) return shown === wanted.status;
          return !element.paused && element.readyState < 3;
        },
        condition,
        { timeout: timeoutMs, polling: 50 },
      );
    },
  };
}

/** Every key of the film was charged exactly once; with `least`, at least so many of them, and none twice. */
export function expectChargedOnce(cinema: Cinema, film: Shown, least = film.keys.length): void {
  const charges = cinema.charges(film);
  expect([...charges.values()].filter((count) => count !== 1)).toEqual([]);
  expect(charges.size).toBeGreaterThanOrEqual(least);
  expect(charges.size).toBeLessThanOrEqual(film.keys.length);
}

/** What Chromium writes to the console of every request that was not answered as wished. */
const isOfNetwork = (text: string): boolean => text.includes('Failed to load resource');

/** Runs with a browser of its own. @param options.cap units that a film may cost; default as the page has it */
export async function withProfile(
  work: (profile: Profile) => Promise<void>,
  options: ProfileOptions & { readonly cap?: number } = {},
): Promise<void> {
  const { cap } = options;
  const profile = await openProfile({ viewport: desktop, ...options });
  try {
    if (cap !== undefined) {
      await profile.context.addInitScript((units) => {
        if (!location.protocol.startsWith('http')) return;
        localStorage.setItem('impuls.caps', JSON.stringify({ perRequest: units, perDay: units }));
        if (!localStorage.getItem('impuls.film-cap')) localStorage.setItem('impuls.film-cap', String(units));
      }, cap);
    }
    await work(profile);
    expect(profile.complaints.filter((text) => !isOfNetwork(text))).toEqual([]);
  } finally {
    await profile.remove();
  }
}
