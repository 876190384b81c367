import Database from 'better-sqlite3';
import { createHash } from 'node:crypto';

/** A group of rows as it lies in the file. */
export interface Group {
  readonly last: number;
  readonly link: string;
  readonly purged: number;
  /** The link that its rows make; undefined if they are gone. */
  readonly made: string | undefined;
  readonly rows: number;
}

interface StoredGroup {
  readonly last: number;
  readonly link: Buffer;
  readonly purged: number;
}

const integers = 'seq slot kind claim end units kept safe at challenge_expires route'.split(
  ' ',
) as readonly string[];

type Row = Readonly<Record<string, number | string | Uint8Array | null>>;

/** Reads the links of a ledger in SQLite and computes them anew, as docs/adr/0011-books-and-chain.md says. */
export function readChain(path: string): Group[] {
  const db = new Database(path, { readonly: true });
  const rows = db.prepare('SELECT * FROM journal WHERE seq > ? AND seq <= ? ORDER BY seq');
  let before: Pick<StoredGroup, 'last' | 'link'> = { last: 0, link: Buffer.alloc(32) };
  const groups = db.prepare('SELECT * FROM groups ORDER BY last').all() as StoredGroup[];
  const chain = groups.map(({ last, link, purged }) => {
    const own = rows.all(before.last, last) as Row[];
    const hash = createHash('sha256').update('impuls/1 journal').update(before.link);
    for (const row of own) hash.update(encodeRow(row));
    before = { last, link };
    const made = own.length > 0 ? hash.digest('hex') : undefined;
    return { last, link: link.toString('hex'), purged, made, rows: own.length };
  });
  const beyond = rows.all(before.last, Number.MAX_SAFE_INTEGER).length;
  db.close();
  if (beyond > 0) chain.push({ last: 0, link: '', purged: 0, made: 'rows of no group', rows: beyond });
  return chain;
}

/** The groups that do not hold: their rows make another link, or are gone and were not purged. */
export function brokenGroups(path: string): Group[] {
  return readChain(path).filter(({ link, purged, made }) =>
    purged > 0 ? made !== undefined : made !== link,
  );
}

function encodeRow(row: Row): Buffer {
  const numbers = Buffer.alloc(8 * integers.length);
  for (const [i, name] of integers.entries())
    numbers.writeBigInt64BE(BigInt((row[name] ?? 0) as number), 8 * i);
  return Buffer.concat([numbers, field(row['tag']), field(row['proof'])]);
}

function field(value: Row[string] | undefined): Buffer {
  const bytes = Buffer.from((value ?? '') as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
