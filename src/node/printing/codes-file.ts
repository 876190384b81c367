import { open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ImpulsError, malformed } from '../../core/errors.js';
import { formatVoucherCode, parseVoucherCode } from '../../core/voucher-code.js';
import { syncFolder } from '../file-folder.js';

/** One code with all that is printed beside it. */
export interface PrintableCode {
  readonly serial: number;
  /** In groups of five. Secret. */
  readonly code: string;
  /** The page that redeems it, with the code in its fragment. Secret. */
  readonly link: string;
  /** Units of each card. */
  readonly units: number;
  /** What all of its cards are worth: `1 USD`. */
  readonly worth: string;
  /** The last day on which it is redeemed, in UTC: `2027-12-31`. */
  readonly expires: string;
  /** Cards of one code. */
  readonly cards: number;
  readonly batch: number;
  /** The vendor's name. */
  readonly vendor: string;
}

/** The columns of a file of codes: CSV (RFC 4180) with a line of names. */
const columns = ['serial', 'code', 'link', 'units', 'worth', 'expires', 'cards', 'batch', 'vendor'] as const;

/** A file of codes in the making. */
export interface CodesFile {
  append(codes: readonly PrintableCode[]): Promise<void>;
  /** On the disk when it resolves. */
  finish(): Promise<void>;
  /** Leaves nothing behind. */
  discard(): Promise<void>;
}

/**
 * Begins a file that only its owner can read.
 *
 * @throws ImpulsError `invalid-argument` if something is there, or it cannot be made
 */
export async function createCodesFile(path: string): Promise<CodesFile> {
  const file = await open(path, 'wx', 0o600).catch((cause: unknown) => {
    const taken = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    throw new ImpulsError('invalid-argument', taken ? `${path} is there already` : `cannot make ${path}`, {
      cause,
      hint: taken ? 'Name another file: codes are shown once.' : 'See that its folder exists.',
    });
  });
  await file.writeFile(codesHead);
  return {
    append: (codes) => file.writeFile(formatCodes(codes)),
    async finish() {
      await file.sync();
      await file.close();
      syncFolder(dirname(path));
    },
    async discard() {
      await file.close();
      await rm(path, { force: true });
    },
  };
}

/** The first line of a file of codes. */
export const codesHead = `${columns.join(',')}\r\n`;

/** The lines of codes, without the first of the file. */
export function formatCodes(codes: readonly PrintableCode[]): string {
  return codes.map((code) => `${columns.map((name) => cell(code[name])).join(',')}\r\n`).join('');
}

function cell(value: string | number): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * Reads a file of codes. Columns may stand in any order, and others may be among them.
 *
 * @throws ImpulsError `malformed`, and names the line
 */
export function parseCodesFile(text: string): PrintableCode[] {
  const lines = parseCsv(text.replace(/^\u{feff}/u, ''));
  const names = lines.shift() ?? [];
  const places = columns.map((name) => names.indexOf(name));
  const missing = columns.filter((_, i) => places[i] === -1);
  if (missing.length > 0) {
    throw new ImpulsError('malformed', `the file of codes has no column "${missing.join('", "')}"`, {
      hint: 'Give the file that `impuls batch create` wrote, with its first line.',
    });
  }
  return lines.map((cells, i) => {
    const [serial, code, link, units, worth, expires, cards, batch, vendor] = places.map(
      (place) => cells[place] ?? '',
    ) as [string, string, string, string, string, string, string, string, string];
    const where = `line ${i + 2} of the file of codes`;
    const number = (digits: string, name: string): number => {
      if (!/^[1-9]\d{0,9}$/.test(digits)) throw malformed(`${where}: ${name} is not a number`);
      return Number(digits);
    };
    const plain = parseVoucherCode(code);
    if (!URL.canParse(link) || !link.endsWith(`#${plain}`)) {
      throw malformed(`${where}: the link is not that of the code`);
    }
    if (!/^\d{4}-\d\d-\d\d$/.test(expires)) throw malformed(`${where}: expires is not a day`);
    return {
      serial: number(serial, 'serial'),
      code: formatVoucherCode(plain),
      link,
      units: number(units, 'units'),
      worth,
      expires,
      cards: number(cards, 'cards'),
      batch: number(batch, 'batch'),
      vendor,
    };
  });
}

/** Lines of cells; a quote within quotes is written twice, and lines end in LF or CR LF. */
function parseCsv(text: string): string[][] {
  const lines: string[][] = [];
  let cells: string[] = [];
  const token = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r?\n|$)/y;
  while (token.lastIndex < text.length) {
    const found = token.exec(text);
    if (!found) throw malformed(`line ${lines.length + 1} of the file of codes is no CSV`);
    const [, value = '', end] = found;
    cells.push(value.startsWith('"') ? value.slice(1, -1).replaceAll('""', '"') : value);
    if (end === ',') continue;
    if (cells.length > 1 || cells[0] !== '') lines.push(cells);
    cells = [];
  }
  if (cells.length > 0) lines.push([...cells, '']);
  return lines;
}
