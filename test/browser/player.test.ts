import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLiveFilm } from '../support/film.js';
import {
  expectChargedOnce,
  openCinema,
  openViewer,
  viewerOf,
  withProfile,
  type Cinema,
  type Shown,
} from './cinema.js';

let cinema: Cinema;
beforeAll(async () => {
  cinema = await openCinema();
});
afterAll(() => cinema.close());

const keys = '**/impuls/keys/*';
let films = 0;

/** A film of 12 s in two renditions, with a key a second. */
async function show(more: Partial<Parameters<Cinema['show']>[1]> = {}): Promise<Shown> {
  return cinema.show(`film-${films++}`, { seconds: 12, renditions: 2, ...more });
}

describe('the player', () => {
  it('plays to the end, with one claim a key and all frames', async () => {
    const film = await show();
    await withProfile(async (profile) => {
      const viewer = await openViewer(profile, cinema, film, await cinema.shop.voucher());
      expect(viewer.page.url()).not.toContain('code=');
      await viewer.redeem();
      expect(await viewer.units()).toBe(0);
      expect(cinema.charges(film).size).toBe(0);
      await viewer.play();
      await viewer.until({ ended: true });
      expectChargedOnce(cinema, film);
      expect(await viewer.frames()).toBeGreaterThanOrEqual(film.frames);
      expect(await viewer.units()).toBe(12);
      // And again: nothing is paid.
      await viewer.play();
      await viewer.until({ past: 6 });
      expect(await viewer.units()).toBe(12);
      expectChargedOnce(cinema, film);
    });
  });

  it('plays VP9 and Opus in fragmented MP4, three segments a key', async () => {
    const film = await show({ codec: 'vp9', renditions: 1, keyEvery: 3 });
    expect(film.keys).toHaveLength(4);
    await withProfile(async (profile) => {
      const viewer = await openViewer(profile, cinema, film, await cinema.shop.voucher());
      await viewer.redeem();
      await viewer.play();
      await viewer.until({ ended: true });
      expectChargedOnce(cinema, film);
      expect(await viewer.frames()).toBeGreaterThanOrEqual(film.frames);
    });
  });

  it('pays nothing twice where every answer with a key is lost once', async () => {
    const film = await show();
    await withProfile(async (profile) => {
      const viewer = await openViewer(profile, cinema, film, await cinema.shop.voucher());
      await viewer.redeem();
      const lost = new Set<string>();
      await viewer.page.route(keys, async (route: Route) => {
        const request = route.request();
        const isClaim = (await request.allHeaders())['authorization'] !== undefined;
        if (!isClaim || lost.has(request.url())) return route.continue();
        lost.add(request.url());
        await route.fetch();
        return route.abort('connectionreset');
      });
      await viewer.play();
      await viewer.until({ ended: true }, 60_000);
      expect(lost.size).toBe(12);
      expectChargedOnce(cinema, film);
      expect(await viewer.units()).toBe(12);
    });
  });

  it('goes on after answers of 500 and 503, before and after a claim', async () => {
    const film = await show();
    await withProfile(async (profile) => {
      const viewer = await openViewer(profile, cinema, film, await cinema.shop.voucher());
      await viewer.redeem();
      let asked = 0;
      await viewer.page.route(keys, (route: Route) =>
        ++asked % 3 === 0 ? route.fulfill({ status: asked % 2 ? 500 : 503, body: 'no' }) : route.continue(),
      );
      await viewer.play();
      await viewer.until({ ended: true }, 60_000);
      expectChargedOnce(cinema, film);
    });
  });

  it('waits for a vendor that is gone, and goes on when it is back', async () => {
    const film = await show();
    await withProfile(async (profile) => {
      const viewer = await openViewer(profile, cinema, film, await cinema.shop.voucher());
      await viewer.redeem();
      let gone = false;
      await viewer.page.route(keys, (route: Route) =>
        gone ? route.abort('connectionrefused') : route.continue(),
      );
      await viewer.play();
      await viewer.until({ past: 2 });
      gone = true;
      await viewer.until({ starved: true });
      await viewer.until({ status: 'retrying' });
      gone = false;
      await viewer.until({ ended: true }, 60_000);
      expectChargedOnce(cinema, film);
    });
  });

  it('stops where the card is empty, and goes on there when it is topped up', async () => {
    const film = await show({ price: 20 });
    await withProfile(
      async (profile) => {
        const viewer = await openViewer(profile, cinema, film, await cinema.shop.voucher());
        await viewer.redeem();
        await viewer.play();
        for (const paid of [5, 10]) {
          await viewer.until({ status: 'stopped' });
          await viewer.until({ past: paid - 1 });
          await viewer.until({ starved: true });
          expect(await viewer.time()).toBeLessThan(paid + 0.3);
          expect(await viewer.units()).toBe(20 * paid);
          expect(await viewer.page.textContent('.status')).toMatch(/no card has enough/i);
          await viewer.redeem(await cinema.shop.voucher());
        }
        await viewer.until({ ended: true });
        expectChargedOnce(cinema, film);
      },
      { cap: 10_000 },
    );
  });

  it('stops at the cap, and goes on when it is raised', async () => {
    const film = await show();
    await withProfile(async (profile) => {
      const viewer = await openViewer(profile, cinema, film, await cinema.shop.voucher());
      await viewer.redeem();
      await viewer.page.click('.cap-box summary');
      await viewer.page.fill('#cap', '5');
      await viewer.page.click('.cap button');
      await viewer.play();
      await viewer.until({ status: 'stopped' });
      expect(cinema.charges(film).size).toBe(5);
      expect(await viewer.page.textContent('.status')).toMatch(/cap is reached/);
      await viewer.page.click('.notice .primary');
      await viewer.until({ ended: true });
      expectChargedOnce(cinema, film);
    });
  });

  it('pays no key twice, however one seeks, and none that was leapt over', async () => {
    const film = await show({ seconds: 20 });
    await withProfile(async (profile) => {
      const viewer = await openViewer(profile, cinema, film, await cinema.shop.voucher());
      await viewer.redeem();
      await viewer.play(2);
      for (const [to, past] of [
        [14, 14.5],
        [3, 3.5],
        [14, 14.5],
        [0, 0.5],
        [3.5, 4],
      ] as const) {
        await viewer.seek(to);
        await viewer.until({ past });
      }
      expectChargedOnce(cinema, film, 6);
      const charged = cinema.charges(film);
      expect([10, 11, 12].some((at) => charged.has(film.keys[at]!))).toBe(false);
      await viewer.seek(16);
      await viewer.until({ ended: true });
      expectChargedOnce(cinema, film, 6);
    });
  });

  it('neither sticks nor pays twice while one seeks, pauses and switches at random over a bad line', async () => {
    const film = await show({ seconds: 20 });
    await withProfile(async (profile) => {
      const viewer = await openViewer(profile, cinema, film, await cinema.shop.voucher());
      await viewer.redeem();
      let seed = 77;
      const random = (): number => (seed = (seed * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
      await viewer.page.route(keys, async (route: Route) => {
        const fate = random();
        if (fate >= 0.25) return route.continue();
        if (fate >= 0.15) return route.fulfill({ status: 503 });
        await route.fetch();
        return route.abort();
      });
      await viewer.play(2);
      for (let move = 0; move < 15; move++) {
        const to = Math.floor(random() * 180) / 10;
        if (random() < 0.3) await viewer.page.$eval('video', (video) => video.pause());
        await viewer.seek(to);
        if (random() < 0.3) await viewer.page.selectOption('.quality select', random() < 0.5 ? '0' : '1');
        await viewer.page.$eval('video', (video) => void video.play().catch(() => {}));
        await viewer.until({ past: to + 0.2 });
      }
      expectChargedOnce(cinema, film, 1);
    });
  });

  it('pays no key twice when the rendition is switched', async () => {
    const film = await show();
    await withProfile(async (profile) => {
      const viewer = await openViewer(profile, cinema, film, await cinema.shop.voucher());
      await viewer.redeem();
      await viewer.page.selectOption('.quality select', '0');
      await viewer.play(2);
      for (const [at, level] of [
        [1.5, '1'],
        [4, '0'],
        [6, '1'],
      ] as const) {
        await viewer.until({ past: at });
        await viewer.page.selectOption('.quality select', level);
      }
      await viewer.until({ ended: true });
      const folders = cinema.host.requests.filter(({ path }) => path.endsWith('.ts'));
      expect(new Set(folders.map(({ path }) => path.split('/').at(-2)))).toEqual(new Set(['0', '1']));
      expectChargedOnce(cinema, film);
    });
  });

  it('goes on where it was after a reload, and pays nothing again', async () => {
    const film = await show();
    await withProfile(async (profile) => {
      const first = await openViewer(profile, cinema, film, await cinema.shop.voucher());
      await first.redeem();
      await first.play(2);
      await first.until({ past: 4 });
      await first.page.reload();
      await first.page.waitForSelector('.film[data-status]');
      const second = viewerOf(first.page);
      const before = cinema.charges(film).size;
      await second.play();
      await second.until({ past: 4 });
      await second.until({ ended: true });
      expectChargedOnce(cinema, film);
      // A key that was paid and under way when the page went is delivered to the second, and counted there.
      expect([12 - before, 13 - before]).toContain(await second.units());
    });
  });

  it('plays in two tabs at once with one card, and pays each key once', async () => {
    const film = await show();
    await withProfile(async (profile) => {
      const one = await openViewer(profile, cinema, film, await cinema.shop.voucher());
      await one.redeem();
      const other = await openViewer(profile, cinema, film);
      await Promise.all([one.play(), other.play()]);
      await Promise.all([one.until({ ended: true }, 60_000), other.until({ ended: true }, 60_000)]);
      expectChargedOnce(cinema, film);
      expect((await one.units()) + (await other.units())).toBe(12);
    });
  });

  it('shows no picture without a card, and asks for one', async () => {
    const film = await show();
    await withProfile(async (profile) => {
      const viewer = await openViewer(profile, cinema, film);
      expect(await viewer.page.textContent('.status')).toMatch(/a card is needed/i);
      await viewer.play();
      await viewer.until({ status: 'stopped' });
      expect(await viewer.frames()).toBe(0);
      expect(await viewer.page.textContent('.top-up')).toMatch(/redeem a voucher/i);
      expect(cinema.charges(film).size).toBe(0);
      await viewer.redeem(await cinema.shop.voucher());
      await viewer.until({ past: 1 });
    });
  });

  it('pays nothing while it is paused, nor further ahead than a few seconds', async () => {
    const film = await show({ seconds: 20 });
    await withProfile(async (profile) => {
      const viewer = await openViewer(profile, cinema, film, await cinema.shop.voucher());
      await viewer.redeem();
      await viewer.play(1);
      for (const at of [1, 2, 3]) {
        await viewer.until({ past: at });
        // Segments are a little longer than a second, and frames come a little later.
        expect(Number(await viewer.page.getAttribute('.meter', 'data-ahead'))).toBeLessThan(4.2);
        expect(cinema.charges(film).size).toBeLessThanOrEqual(Math.ceil((await viewer.time()) + 4.2));
      }
      await viewer.page.click('.panel button.danger');
      const paid = cinema.charges(film).size;
      await viewer.seek(15);
      await viewer.page.waitForFunction(() => document.querySelector('video')!.seeking);
      expect(cinema.charges(film).size).toBeLessThanOrEqual(paid + 1);
      expect(cinema.charges(film).has(film.keys[15]!)).toBe(false);
    });
  });

  it('plays a live film as it is made and packed, by keys that rotate', async () => {
    const { shop, cdn, host } = cinema;
    const source = join(shop.box.folder, 'live');
    await mkdir(source);
    const encoder = startLiveFilm(source, { seconds: 14 });
    const ended = once(encoder, 'exit');
    const words = [
      '--price',
      '1',
      '--every',
      '2',
      '--follow',
      '--vendor',
      'shop',
      '--out',
      join(cdn, 'live'),
    ];
    const packed = shop.box.json<{ root: string; keys: number }>('pack', '--hls', source, ...words);
    const code = await shop.voucher();
    await withProfile(async (profile) => {
      await expect
        .poll(() => readFile(join(cdn, 'live/film.m3u8'), 'utf8').catch(() => ''), { timeout: 20_000 })
        .toMatch(/(#EXTINF[^]*){3}/);
      const url = `${host.origin}/live/film.m3u8`;
      const viewer = await openViewer(profile, cinema, { url }, code);
      await viewer.redeem();
      await viewer.play(1);
      await viewer.until({ ended: true }, 60_000);
      await ended;
      const { keys: made } = await packed;
      const paid = shop.paid().filter(({ target }) => target.startsWith('/impuls/keys/'));
      const mine = paid.slice(-(await viewer.units()));
      expect(new Set(mine.map(({ target }) => target)).size).toBe(mine.length);
      expect(await viewer.units()).toBeGreaterThanOrEqual(3);
      expect(await viewer.units()).toBeLessThanOrEqual(made);
    });
  });
});
