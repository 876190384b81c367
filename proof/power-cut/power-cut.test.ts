import { describe, expect, it } from 'vitest';
import { createChoices } from '../../src/testing/suite.js';
import { Disk, fates, type Fate } from './disk.js';
import { toldBy } from './record.js';
import { parseTrace } from './trace.js';

const hex = (text: string): string =>
  `"${[...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}"`;
const open = (path: string, flags: string, descriptor: number): string =>
  `7 openat(AT_FDCWD, ${hex(path)}, ${flags}, 0600) = ${descriptor}`;
const write = (descriptor: number, text: string, at: number): string =>
  `7 pwrite64(${descriptor}, ${hex(text)}, ${text.length}, ${at}) = ${text.length}`;

/** What may be found, over many seeds. */
function found(lines: readonly string[], fate: Fate): Set<string> {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    const disk = new Disk('/d');
    for (const step of parseTrace(lines.join('\n'))) disk.take(step);
    const files = disk.survive(fate, createChoices(seed));
    seen.add([...files].map(([name, bytes]) => `${name}=${bytes.toString()}`).join(' '));
  }
  return seen;
}

const folderSynced = ['7 openat(AT_FDCWD, "\\x2f\\x64", O_RDONLY) = 9', '7 fsync(9) = 0', '7 close(9) = 0'];

describe('a trace', () => {
  it('is read as steps, with calls of several threads that overlap', () => {
    const steps = parseTrace(
      [
        `7 pwrite64(4, ${hex('a"\n')}, 3, 10 <unfinished ...>`,
        '8 fdatasync(4 <unfinished ...>',
        '7 <... pwrite64 resumed>)           = 3',
        '8 <... fdatasync resumed>)          = -1 EIO (Input/output error)',
        `7 writev(5, [{iov_base=${hex('x')}, iov_len=1}, {iov_base=${hex('yz')}, iov_len=2}], 2) = 3`,
        `7 write(3, ${hex('paid 1 2\n')}, 9) = 9`,
        '8 fsync(4 <unfinished ...>',
        '8 +++ killed by SIGKILL +++',
      ].join('\n'),
    );
    expect(steps.map(({ moment, call }) => `${call.name} ${moment}`)).toEqual([
      ...['pwrite64 begins', 'fdatasync begins', 'pwrite64 ends', 'fdatasync ends'],
      ...['writev begins', 'writev ends', 'write begins', 'write ends', 'fsync begins'],
    ]);
    expect(steps[0]!.call).toEqual({
      name: 'pwrite64',
      args: ['4', Buffer.from('a"\n'), '3', '10'],
      result: 3,
    });
    expect(steps[1]!.call.result).toBe(-1);
    expect(steps[8]!.call.result).toBeUndefined();
    expect(steps.map(toldBy).filter(Boolean)).toEqual([['paid', '1', '2']]);
  });
});

describe('a disk after a power cut', () => {
  const made = [open('/d/f', 'O_RDWR|O_CREAT', 4), write(4, 'aaaa', 0)];

  it('has what was synced, whatever becomes of the rest', () => {
    const lines = [...made, '7 fdatasync(4) = 0', ...folderSynced];
    for (const fate of fates) expect(found(lines, fate)).toEqual(new Set(['f=aaaa']));
  });

  it('has no name whose folder was not synced, or has it', () => {
    const lines = [...made, '7 fdatasync(4) = 0'];
    expect(found(lines, 'lost')).toEqual(new Set(['']));
    expect(found(lines, 'there')).toEqual(new Set(['f=aaaa']));
    expect(found(lines, 'any')).toEqual(new Set(['', 'f=aaaa']));
  });

  it('has of a name that was given to another file one of the two, as it may be', () => {
    const fresh = [open('/d/g', 'O_RDWR|O_CREAT', 5), write(5, 'bb', 0), '7 fsync(5) = 0'];
    const rename = `7 rename(${hex('/d/g')}, ${hex('/d/f')}) = 0`;
    const lines = [...made, '7 fdatasync(4) = 0', ...folderSynced, ...fresh, rename];
    expect(found(lines, 'lost')).toEqual(new Set(['f=aaaa']));
    expect(found(lines, 'any')).toEqual(new Set(['f=aaaa', 'f=aaaa g=bb', 'f=bb']));
    expect(found([...lines, ...folderSynced], 'lost')).toEqual(new Set(['f=bb']));
  });

  it('has a write whole, in part, with holes, or not at all', () => {
    const line = write(4, 'b'.repeat(1024), 0);
    const lines = [...made, '7 fdatasync(4) = 0', ...folderSynced, line];
    const [old, part] = ['f=aaaa', `f=${'b'.repeat(512)}${'\0'.repeat(512)}`];
    expect(found(lines, 'lost')).toEqual(new Set([old]));
    const torn = found(lines, 'torn');
    for (const text of [old, 'f=bbbb', part, `f=aaaa${'\0'.repeat(508)}${'b'.repeat(512)}`]) {
      expect(torn).toContain(text);
    }
  });

  it('has not what was written while a sync was under way', () => {
    const during = ['8 fdatasync(4 <unfinished ...>', write(4, 'cc', 4), '8 <... fdatasync resumed>) = 0'];
    const lines = [...made, ...folderSynced, ...during];
    expect(found(lines, 'lost')).toEqual(new Set(['f=aaaa']));
    expect(found(lines, 'there')).toEqual(new Set(['f=aaaacc']));
    const open = [...made, ...folderSynced, '8 fdatasync(4 <unfinished ...>'];
    expect(found(open, 'lost')).toEqual(new Set(['f=']));
  });

  it('has a file cut off, and what followed, or neither', () => {
    const cut = ['7 ftruncate(4, 1) = 0', write(4, 'zz', 1)];
    const seen = found([...made, '7 fdatasync(4) = 0', ...folderSynced, ...cut], 'any');
    expect(seen).toEqual(new Set(['f=aaaa', 'f=a', 'f=azz', 'f=a\0\0']));
  });

  it('keeps what it cannot follow from being overlooked', () => {
    const lines = [...made, '7 fallocate(4, 0, 0, 4096) = 0'];
    expect(() => found(lines, 'lost')).toThrow('fallocate is not followed');
    expect(() => parseTrace('7 pwrite64(4, "\\x61"..., 3000000, 0) = 3000000')).toThrow('only the beginning');
  });
});
