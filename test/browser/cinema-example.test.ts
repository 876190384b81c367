import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { viewerOf, type Viewer } from './cinema.js';
import { desktop, findBarriers, openProfile, phone, shoot, type Profile } from './support.js';

const program = fileURLToPath(new URL('../../examples/cinema/main.mjs', import.meta.url));

interface Ready {
  readonly link: string;
  readonly film: string;
  readonly voucher: string;
  readonly topUp: string;
  readonly keys: number;
  readonly folder: string;
}

interface Running {
  readonly ready: Ready;
  /** By Ctrl+C. @returns its exit code */
  stop(): Promise<number | null>;
}

async function startCinema(...words: string[]): Promise<Running> {
  const child = spawn(process.execPath, [program, '--json', '--port', '0', '--vendor-port', '0', ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return {
    ready: JSON.parse(line) as Ready,
    async stop() {
      child.kill('SIGINT');
      return (await exited)[0];
    },
  };
}

let cinema: Running;
beforeAll(async () => {
  cinema = await startCinema('--seconds', '24');
});
afterAll(async () => {
  const { folder } = cinema.ready;
  expect(await cinema.stop()).toBe(0);
  await expect(access(folder)).rejects.toThrow('ENOENT');
});

async function sit(profile: Profile, link: string): Promise<{ page: Page; viewer: Viewer }> {
  const page = await profile.open(link);
  await page.waitForSelector('.film[data-status]');
  return { page, viewer: viewerOf(page) };
}

describe('npm run cinema', () => {
  it.each([
    ['desktop', desktop, 'light'],
    ['phone', phone, 'dark'],
  ] as const)(
    'is seen on a %s, as a stranger would: play, the card is empty, top up, the end',
    async (name, viewport, colorScheme) => {
      const profile = await openProfile({ viewport, colorScheme });
      try {
        const { link, voucher, topUp, keys } = name === 'desktop' ? cinema.ready : await another();
        const { page, viewer } = await sit(profile, link);
        const see = async (moment: string): Promise<void> => {
          expect(await findBarriers(page), moment).toEqual([]);
          const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          expect(excess, `${moment} is too wide`).toBeLessThanOrEqual(0);
          await shoot(page, `player-${name}-${colorScheme}-${moment}`);
        };
        expect(page.url()).not.toContain(voucher);
        await see('1-voucher');
        await viewer.redeem();
        await see('2-ready');
        await viewer.play(4);
        await viewer.until({ past: 8 });
        await see('3-playing');
        await viewer.until({ status: 'stopped' });
        await viewer.until({ starved: true });
        expect(await viewer.units()).toBe(10);
        await see('4-empty');
        await viewer.redeem(topUp);
        await viewer.until({ ended: true });
        expect(await viewer.units()).toBe(keys);
        await see('5-end');
        const odd = profile.complaints.filter((text) => !text.includes('402'));
        expect(odd).toEqual([]);
      } finally {
        await profile.remove();
        await extra?.stop();
        extra = undefined;
      }
    },
  );

  let extra: Running | undefined;
  async function another(): Promise<Ready> {
    extra = await startCinema('--seconds', '24');
    return extra.ready;
  }

  it('is played by keyboard alone, and heard', async () => {
    const { topUp } = cinema.ready;
    expect(topUp).toBeDefined();
    const profile = await openProfile({ viewport: desktop });
    try {
      const { page, viewer } = await sit(profile, cinema.ready.link.replace(/&code=.*/, ''));
      expect(await page.textContent('[role=status]')).toMatch(/a card is needed/i);
      const focused = (): Promise<string> =>
        page.evaluate(() => document.activeElement?.textContent.trim() ?? '');
      await page.keyboard.press('k');
      await viewer.until({ status: 'stopped' });
      expect(await page.textContent('[role=status]')).toMatch(/no card/i);
      // The field for the voucher is where one is put.
      expect(await page.$eval('#code', (field) => field === document.activeElement)).toBe(true);
      await page.keyboard.type('not a code');
      await page.keyboard.press('Enter');
      await page.waitForSelector('.top-up [role=alert]');
      await page.keyboard.press('Tab');
      expect(await focused()).toBe('Redeem');
    } finally {
      await profile.remove();
    }
  });

  it('has only ciphertext on its host: no segment has a sync byte where a clear one has it, and no key is there', async () => {
    const { folder } = cinema.ready;
    const names = await readdir(join(folder, 'cdn'), { recursive: true });
    const segments = names.filter((name) => name.endsWith('.ts'));
    expect(segments).toHaveLength(24);
    for (const name of segments) {
      const bytes = await readFile(join(folder, 'cdn', name));
      const packets = Math.floor(bytes.length / 188);
      let synced = 0;
      for (let at = 0; at < packets; at++) if (bytes[188 * at] === 0x47) synced++;
      expect(synced / packets, name).toBeLessThan(0.2);
    }
    expect(await readdir(folder)).not.toContain('clear');
  });

  it('says what to do where ffmpeg is missing, and leaves nothing behind', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'impuls-no-ffmpeg-'));
    try {
      const child = spawn(process.execPath, [program, '--no-open'], {
        env: { PATH: empty, TMPDIR: empty, HOME: empty },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
      const [code] = (await once(child, 'close')) as [number | null];
      expect(code).toBe(1);
      expect(said).toMatch(/^cinema: ffmpeg is not here.*\n→ Install it/);
      expect(await readdir(empty)).toEqual([]);
    } finally {
      await rm(empty, { recursive: true, force: true });
    }
  });
});
