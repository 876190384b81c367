import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { applyChanges, fileKinds, formatLine, formatLog, parseLog, type Change } from './file-log-lines.js';
import { FileLog, openLog } from './file-log.js';

const { wallet, keys } = fileKinds;
const folder = mkdtempSync(join(tmpdir(), 'impuls-log-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
const newPath = () => join(folder, `${++files}.log`);
const corrupt = expect.objectContaining({ code: 'storage-corrupt' }) as Error;
const failed = { code: 'storage-failed' };

/** A log of some batches. */
function logOf(...batches: readonly (readonly Change[])[]): Buffer {
  let { log, end } = formatLog(wallet, new Map());
  for (const batch of batches) {
    const next = formatLine(end, batch);
    log = Buffer.concat([log, next.line]);
    end = next.end;
  }
  return log;
}

describe('the lines of a log', () => {
  it('are chained by sums of 16 hex digits, from the header on', () => {
    const lines = logOf([['a', 'b']])
      .toString()
      .split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^[0-9a-f]{16} \{"impuls":"wallet","version":1\}$/);
    expect(lines[1]).toMatch(/^[0-9a-f]{16} \[\["a","b"\]\]$/);
    expect(lines[2]).toBe('');
  });

  it('say where they end, in bytes', () => {
    const { log, end } = formatLog(wallet, new Map([['ż', 'ó']]));
    expect(end.size).toBe(log.length);
    const next = formatLine(end, [['a', null]]);
    expect(next.end.size).toBe(log.length + next.line.length);
    expect(next.line.toString().slice(0, 16)).toBe(next.end.sum);
    expect(parseLog(wallet, log).end).toEqual(end);
  });

  it('hold all records, however many', () => {
    for (const count of [0, 1, 255, 256, 257, 600]) {
      const records = new Map(Array.from({ length: count }, (_, i) => [`key ${i}`, `${i}`]));
      const { log } = formatLog(keys, records);
      expect(parseLog(keys, log).records).toEqual(records);
      expect(log.toString().split('\n')).toHaveLength(2 + Math.ceil(count / 256));
    }
  });

  it('apply one after the other', () => {
    const log = logOf(
      [
        ['a', '1'],
        ['b', '2'],
      ],
      [['a', null]],
      [
        ['b', '3'],
        ['c', ''],
      ],
    );
    expect([...parseLog(wallet, log).records]).toEqual([
      ['b', '3'],
      ['c', ''],
    ]);
    const records = new Map([['a', '1']]);
    applyChanges(records, [
      ['a', null],
      ['d', '4'],
    ]);
    expect([...records]).toEqual([['d', '4']]);
  });

  it('of another kind of file, of none, or of another version are refused', () => {
    expect(() => parseLog(keys, logOf())).toThrow(corrupt);
    const start = { sum: '', size: 0 };
    for (const header of [
      null,
      7,
      [],
      {},
      { impuls: 'wallet' },
      { version: 1 },
      { impuls: 'wallet', version: 2 },
    ]) {
      expect(() => parseLog(wallet, formatLine(start, header).line), JSON.stringify(header)).toThrow(corrupt);
    }
    expect(() => parseLog(wallet, formatLine(start, { impuls: 'wallet', version: 2 }).line)).toThrow(
      'format 2',
    );
    expect(() => parseLog(wallet, Buffer.alloc(0))).toThrow(corrupt);
    expect(() => parseLog(wallet, logOf().subarray(0, -1))).toThrow(corrupt);
  });

  it('that are no batch are refused though their sums hold', () => {
    const { log, end } = formatLog(wallet, new Map());
    for (const value of [
      {},
      'a',
      [7],
      [['a']],
      [['a', 'b', 'c']],
      [[1, 'b']],
      [['a', 1]],
      [['a', 'b'], ['c']],
    ]) {
      const { line } = formatLine(end, value);
      expect(() => parseLog(wallet, Buffer.concat([log, line])), JSON.stringify(value)).toThrow(corrupt);
    }
    const { line } = formatLine(end, []);
    expect(parseLog(wallet, Buffer.concat([log, line])).records.size).toBe(0);
  });

  it('are torn only at the very end: without an end of line, or with zeros in the last one', () => {
    const whole = logOf([['a', '1']], [['b', '2']]);
    const before = logOf([['a', '1']]);
    for (let cut = before.length; cut < whole.length; cut++) {
      const parsed = parseLog(wallet, whole.subarray(0, cut));
      expect([...parsed.records.keys(), parsed.end.size]).toEqual(['a', before.length]);
    }
    const hole = Buffer.from(whole);
    hole.fill(0, whole.length - 5, whole.length - 2);
    expect(parseLog(wallet, hole).end.size).toBe(before.length);
    const early = Buffer.from(whole);
    early.fill(0, before.length - 5, before.length - 2);
    expect(() => parseLog(wallet, early)).toThrow(corrupt);
    const damaged = Buffer.from(whole);
    damaged[whole.length - 3]! ^= 1;
    expect(() => parseLog(wallet, damaged)).toThrow(corrupt);
    expect(() => parseLog(wallet, Buffer.concat([whole, Buffer.from('short\n')]))).toThrow(corrupt);
  });

  it('say what to do where a file is damaged', () => {
    for (const kind of [wallet, keys]) {
      expect(() => parseLog(kind, Buffer.from('x\n'))).toThrow(
        expect.objectContaining({ hint: kind.rescue }),
      );
    }
  });
});

describe('a log', () => {
  it('is made where there is none, and holds what was written when it is opened again', async () => {
    const path = newPath();
    const log = await openLog(path, wallet);
    expect(log.load().size).toBe(0);
    await Promise.all([log.write([['a', '1']]), log.write([['b', '2']]), log.write([])]);
    expect([...log.load()]).toEqual([
      ['a', '1'],
      ['b', '2'],
    ]);
    await log.close();
    expect(readFileSync(path).toString().split('\n')).toHaveLength(3);
    const again = await openLog(path, wallet);
    expect([...again.load()]).toEqual([
      ['a', '1'],
      ['b', '2'],
    ]);
    await again.write([['a', null]]);
    await again.close();
    expect([...parseLog(wallet, readFileSync(path)).records]).toEqual([['b', '2']]);
  });

  it('takes what it is given as it is at the call', async () => {
    const path = newPath();
    const log = await openLog(path, wallet);
    const changes: [string, string][] = [['a', '1']];
    const written = log.write(changes);
    changes[0]![1] = '2';
    changes.push(['b', '3']);
    await written;
    const loaded = log.load();
    loaded.set('c', '4');
    expect([...log.load()]).toEqual([['a', '1']]);
    await log.close();
  });

  it('writes nothing where nothing changes', async () => {
    const path = newPath();
    const log = await openLog(path, wallet);
    const { size } = statSync(path);
    await log.write([]);
    expect(statSync(path).size).toBe(size);
    await log.close();
  });

  it('cuts off a torn end when it is opened, takes away a draft, and is its owner’s only', async () => {
    const path = newPath();
    const whole = logOf([['a', '1']]);
    writeFileSync(path, Buffer.concat([whole, Buffer.from('torn')]), { mode: 0o644 });
    writeFileSync(`${path}.new`, 'draft');
    const log = await openLog(path, wallet);
    expect(statSync(path).size).toBe(whole.length);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).filter((name) => name.endsWith('.new'))).toEqual([]);
    await log.close();
  });

  it('that cannot be read is left as it is', async () => {
    const path = newPath();
    writeFileSync(path, 'nonsense\n');
    await expect(openLog(path, wallet)).rejects.toMatchObject({ code: 'storage-corrupt' });
    expect(readFileSync(path, 'utf8')).toBe('nonsense\n');
    await expect(openLog(folder, wallet)).rejects.toMatchObject({ code: 'EISDIR' });
  });

  it('is written afresh when it has grown to four times what it needs, and not before 64 KiB', async () => {
    const path = newPath();
    const log = await openLog(path, wallet);
    const value = 'x'.repeat(1000);
    const sizes: number[] = [];
    for (let i = 0; i < 200; i++) {
      await log.write([['a', value]]);
      sizes.push(statSync(path).size);
    }
    await log.close();
    expect(Math.max(...sizes)).toBeGreaterThan(60_000);
    expect(Math.max(...sizes)).toBeLessThan(67_000);
    expect(sizes.filter((size, i) => size < (sizes[i - 1] ?? 0)).length).toBeGreaterThan(1);
    expect([...parseLog(wallet, readFileSync(path)).records.keys()]).toEqual(['a']);
    expect(readdirSync(folder).filter((name) => name.endsWith('.new'))).toEqual([]);
  });

  it('that is large by its records is not written afresh for nothing', async () => {
    const path = newPath();
    const log = await openLog(path, wallet);
    const value = 'x'.repeat(1000);
    await log.write(Array.from({ length: 100 }, (_, i) => [`key ${i}`, value]));
    await log.close();
    const again = await openLog(path, wallet);
    const { size } = statSync(path);
    for (let i = 0; i < 50; i++) await again.write([['key 0', value]]);
    expect(statSync(path).size).toBeGreaterThan(size + 50_000);
    await again.close();
  });

  it('is written afresh when it is opened, if most of it is outdated', async () => {
    const path = newPath();
    const value = 'x'.repeat(1000);
    writeFileSync(path, logOf(...Array.from({ length: 80 }, (): Change[] => [['a', value]])));
    const log = await openLog(path, wallet);
    expect(statSync(path).size).toBeLessThan(2000);
    await log.write([['b', '2']]);
    await log.close();
    expect([...parseLog(wallet, readFileSync(path)).records.keys()]).toEqual(['a', 'b']);
  });

  it('refuses everything once it is closed, and what was given before is written', async () => {
    const path = newPath();
    const log = await openLog(path, wallet);
    const written = log.write([['a', '1']]);
    const closed = log.close();
    await expect(log.write([['b', '2']])).rejects.toMatchObject(failed);
    expect(() => log.load()).toThrow(expect.objectContaining(failed));
    await Promise.all([written, closed]);
    expect([...parseLog(wallet, readFileSync(path)).records.keys()]).toEqual(['a']);
  });
});

describe('a log whose disk fails', () => {
  /** A handle that writes as the test says. */
  async function openFailing() {
    const path = newPath();
    const start = logOf();
    writeFileSync(path, start);
    const real = await open(path, 'r+');
    const faults = { write: 0, cut: 0, parts: false };
    const handle = new Proxy(real, {
      get(target, name) {
        if (name === 'write') {
          return async (bytes: Buffer, at: number, length: number, position: number) => {
            if (faults.write > 0) {
              faults.write--;
              await target.write(bytes, at, 3, position);
              throw new Error('no space');
            }
            return target.write(bytes, at, faults.parts ? Math.min(3, length) : length, position);
          };
        }
        if (name === 'truncate' && faults.cut > 0) {
          return async () => {
            faults.cut--;
            throw new Error('the disk is gone');
          };
        }
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      },
    });
    const { records, end } = parseLog(wallet, start);
    return { path, faults, start, log: new FileLog(path, wallet, handle, records, end) };
  }

  it('refuses that write, leaves nothing of it, and takes the next one', async () => {
    const { path, faults, log, start } = await openFailing();
    faults.write = 1;
    const cause = expect.objectContaining({ message: 'no space' }) as Error;
    await expect(log.write([['a', '1']])).rejects.toMatchObject({ ...failed, cause });
    expect(readFileSync(path).equals(start)).toBe(true);
    expect(log.load().size).toBe(0);
    await log.write([['b', '2']]);
    await log.close();
    expect([...parseLog(wallet, readFileSync(path)).records.keys()]).toEqual(['b']);
  });

  it('refuses all from then on, if what it wrote cannot be taken back', async () => {
    const { faults, log } = await openFailing();
    faults.write = 1;
    faults.cut = 1;
    const first = log.write([['a', '1']]);
    await Promise.resolve();
    await Promise.resolve();
    const second = log.write([['b', '2']]);
    await expect(first).rejects.toMatchObject(failed);
    await expect(second).rejects.toMatchObject(failed);
    await expect(log.write([['c', '3']])).rejects.toMatchObject(failed);
    expect(() => log.load()).toThrow(expect.objectContaining(failed));
    await log.close();
  });

  it('writes on where the system takes only a part at once', async () => {
    const { path, faults, log } = await openFailing();
    faults.parts = true;
    await log.write([['a', 'some text that is long enough']]);
    await log.close();
    expect([...parseLog(wallet, readFileSync(path)).records.keys()]).toEqual(['a']);
  });
});
