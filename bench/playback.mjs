/**
 * How much later a paid film begins than the same film in clear, in the player, in a real Chromium: from the press of Play,
 * which comes as soon as there is a button, to the first frame. Pairs are interleaved; each paid one has keys that were never sold.
 *
 * It needs Chromium, ffmpeg and the built pages: `node bench/playback.mjs [--quick] [--json]`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { makeFilm } from '../examples/cinema/film.mjs';
import { chooseOrigin, impuls } from '../examples/stage.mjs';
import { startStaticHost } from '../examples/static-host.mjs';

const command = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const flags = ['--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required'];

/** @returns milliseconds: medians of both, and of the differences of pairs */
export async function run({ quick = false } = {}) {
  const pairs = quick ? 5 : 21;
  const folder = await mkdtemp(join(tmpdir(), 'impuls-playback-'));
  const closers = [() => rm(folder, { recursive: true, force: true, maxRetries: 3 })];
  try {
    const [cdn, shop] = [join(folder, 'cdn'), join(folder, 'shop')];
    await makeFilm(join(cdn, 'clear'), 10);
    const vendor = await chooseOrigin(0);
    await impuls('vendor', 'init', shop, '--origin', vendor, '--name', 'Bench', '--denominations', '1000');
    const server = spawn(process.execPath, [command, 'vendor', 'serve', shop, '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    closers.push(async () => {
      server.kill('SIGTERM');
      await once(server, 'exit');
    });
    await once(createInterface({ input: server.stdout }), 'line');
    const host = await startStaticHost(cdn);
    closers.push(() => host.close());
    const { codes } = await impuls('voucher', 'create', shop, '--units', '1000');
    const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
    const context = await chromium.launchPersistentContext(join(folder, 'profile'), {
      executablePath,
      args: flags,
    });
    closers.push(() => context.close());
    await context.addInitScript(pressPlay);

    const begin = async (name) => {
      const page = await context.newPage();
      const film = new URLSearchParams({ film: `${host.origin}/${name}/master.m3u8` });
      await page.goto(`${vendor}/impuls/player/#${film}`);
      const took = await page.waitForFunction(() => globalThis.firstFrameMs, undefined, { timeout: 20_000 });
      const milliseconds = await took.jsonValue();
      await page.close();
      return milliseconds;
    };
    const redeem = await context.newPage();
    await redeem.goto(`${vendor}/impuls/wallet/#${codes[0]}`);
    await redeem.click('form.redeem button[type=submit]');
    await redeem.waitForSelector('.notice.good');
    await redeem.close();

    const free = [];
    const paid = [];
    // The first pair warms everything up, and shows the card to the vendor.
    for (let pair = 0; pair <= pairs; pair++) {
      const name = `paid-${pair}`;
      await impuls(
        'pack',
        '--hls',
        join(cdn, 'clear'),
        '--price',
        '1',
        '--vendor',
        shop,
        '--out',
        join(cdn, name),
      );
      const both =
        pair % 2 === 0
          ? [await begin('clear'), await begin(name)]
          : [await begin(name), await begin('clear')].reverse();
      if (pair === 0) continue;
      free.push(both[0]);
      paid.push(both[1]);
    }
    const overhead = paid.map((milliseconds, at) => milliseconds - free[at]);
    return { pairs, freeMs: median(free), paidMs: median(paid), overheadMs: median(overhead) };
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

/** Runs in the page. */
function pressPlay() {
  const press = () => {
    const button = document.querySelector('.start');
    const video = document.querySelector('video');
    if (!button || !video || globalThis.pressedAt) return;
    globalThis.pressedAt = performance.now();
    video.requestVideoFrameCallback((now) => {
      globalThis.firstFrameMs = now - globalThis.pressedAt;
    });
    button.click();
  };
  new MutationObserver(press).observe(document, { childList: true, subtree: true });
}

function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  return Number(sorted[Math.floor(sorted.length / 2)].toFixed(1));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const result = await run({ quick: process.argv.includes('--quick') });
  console.log(process.argv.includes('--json') ? JSON.stringify(result) : result);
}
