import Database from 'better-sqlite3';
import { fromBase64url, toBase64url } from '../../src/core/base64url.js';
import { openActivation } from '../../src/core/activation.js';
import { issueContext, openEnvelope, orderContext } from '../../src/core/envelope.js';
import { parseKeyDocument, formatKeyDocument, type KeyDocument } from '../../src/core/key-document.js';
import { parseCredential } from '../../src/core/wire/index.js';
import type { VendorKeys } from '../../src/server/index.js';
import type { HostConnection } from './socks-server.js';

/**
 * A vendor that follows the protocol and wants to know which card came of which sale. It has all that it stores and sees: its ledger's
 * file, its keys, and of every connection where it came from, when, and each byte of what was asked and answered.
 */

/** Either side: what belongs to one sale, or to one card, as the vendor can tell. */
export interface Trace {
  /** The voucher code, or the card's id. */
  readonly name: string;
  readonly connections: ReadonlySet<string>;
  readonly addresses: ReadonlySet<string>;
  /** Virtual milliseconds of the first request. */
  readonly time: number;
  /** Bytes that were asked and answered. */
  readonly size: number;
  /** The names of headers, in their order, of every request. */
  readonly shape: ReadonlySet<string>;
  /** Every run of 8 bytes, and every word of 4 characters or more. */
  readonly values: ReadonlySet<string>;
  /** Where its row stands in the ledger. */
  readonly row: number;
}

export interface Evidence {
  readonly sales: readonly Trace[];
  readonly cards: readonly Trace[];
}

interface Wire extends HostConnection {
  readonly time: number;
  there: string;
  back: string;
}

export interface Recorder {
  readonly onBytes: (connection: HostConnection, way: 'there' | 'back', bytes: Buffer) => void;
  /** @param file of the vendor's SQLite ledger */
  evidence(file: string, keys: VendorKeys, document: KeyDocument): Promise<Evidence>;
}

export function createRecorder(clock: () => number): Recorder {
  const wires = new Map<string, Wire>();
  return {
    onBytes(connection, way, bytes) {
      const wire = wires.get(connection.from) ?? { ...connection, time: clock(), there: '', back: '' };
      wires.set(connection.from, wire);
      wire[way] += bytes.toString('latin1');
    },
    evidence: (file, keys, document) => collect([...wires.values()], file, keys, document),
  };
}

interface Gathered {
  readonly wires: Set<Wire>;
  readonly texts: string[];
  readonly bytes: Uint8Array[];
}

async function collect(
  wires: readonly Wire[],
  file: string,
  keys: VendorKeys,
  document: KeyDocument,
): Promise<Evidence> {
  const sales = new Map<string, Gathered>();
  const cards = new Map<string, Gathered>();
  const gather = (place: Map<string, Gathered>, name: string, wire: Wire): Gathered => {
    const found = place.get(name) ?? { wires: new Set(), texts: [], bytes: [] };
    place.set(name, found);
    found.wires.add(wire);
    return found;
  };
  const secret = keys.activation.get(document.activation.id)!;
  const digest = parseKeyDocument(formatKeyDocument(document)).digest;
  for (const wire of wires) {
    for (const { path, body } of requestsOf(wire.there)) {
      if (path === '/impuls/order' || path === '/impuls/issue') {
        const context = path === '/impuls/order' ? orderContext : issueContext;
        const opened = await openEnvelope(secret, context, fromBase64url(String(body['sealed'])));
        const text = new TextDecoder().decode(opened);
        const { order } = JSON.parse(text) as { order: string };
        gather(sales, order, wire).texts.push(text);
      } else if (path === '/impuls/activate') {
        const context = { document: digest, key: String(body['key']) };
        const opened = await openActivation(secret, context, fromBase64url(String(body['sealed'])));
        // The answer to an activation is the state of the card; its id is in the claims that follow.
        const card = wires
          .filter(({ exit }) => exit === wire.exit)
          .map(({ there }) => cardOf(there))
          .find(Boolean);
        if (card) gather(cards, card, wire).bytes.push(...Object.values(opened));
      }
    }
  }
  // What comes from one address belongs together.
  for (const { wires: known } of [...sales.values(), ...cards.values()]) {
    const exits = new Set([...known].map(({ exit }) => exit));
    for (const wire of wires) if (exits.has(wire.exit)) known.add(wire);
  }
  const rows = readRows(file);
  const finish = (place: Map<string, Gathered>): Trace[] =>
    [...place].map(([name, gathered]) => trace(name, gathered, rows));
  return { sales: finish(sales), cards: finish(cards) };
}

interface Asked {
  readonly head: string;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The requests of a connection, one after the other. */
function requestsOf(text: string): Asked[] {
  const requests: Asked[] = [];
  for (let rest = text; rest !== '';) {
    const end = rest.indexOf('\r\n\r\n') + 4;
    const head = rest.slice(0, end);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    const body = length > 0 ? rest.slice(end, end + length) : '{}';
    requests.push({ head, path: head.split(' ')[1]!, body: JSON.parse(body) as Asked['body'] });
    rest = rest.slice(end + length);
  }
  return requests;
}

/** The card that a connection paid with. */
function cardOf(text: string): string | undefined {
  const header = /\r\nauthorization: (Payment [^\r]+)/i.exec(text)?.[1];
  const credential = header === undefined ? undefined : parseCredential(header);
  return credential ? toBase64url(credential.payload.card) : undefined;
}

interface Row {
  readonly table: string;
  readonly place: number;
  readonly text: string;
  readonly cells: readonly Uint8Array[];
}

function readRows(file: string): Row[] {
  const database = new Database(file, { readonly: true });
  try {
    const tables = database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
      .all() as { name: string }[];
    return tables.flatMap(({ name: table }) =>
      (database.prepare(`SELECT * FROM "${table}"`).all() as Record<string, unknown>[]).map((row, place) => ({
        table,
        place,
        text: Object.values(row)
          .filter((cell) => typeof cell === 'string')
          .join(' '),
        cells: Object.values(row).filter((cell) => cell instanceof Uint8Array),
      })),
    );
  } finally {
    database.close();
  }
}

function trace(name: string, { wires, texts, bytes }: Gathered, rows: readonly Row[]): Trace {
  const all = [...wires];
  const words = new Set<string>();
  const runs = new Set<string>();
  const addBytes = (value: Uint8Array): void => {
    const hex = Buffer.from(value).toString('hex');
    for (let i = 0; i + 16 <= hex.length; i += 2) runs.add(hex.slice(i, i + 16));
  };
  const addText = (text: string): void => {
    for (const [word] of text.matchAll(/[\w-]{4,}/g)) {
      words.add(word);
      if (word.length >= 11) addBytes(Buffer.from(word, 'base64url'));
    }
  };
  for (const { there, back } of all) {
    addText(there);
    addText(back);
  }
  texts.forEach(addText);
  bytes.forEach(addBytes);
  // Rows of the ledger that hold something of it that is long enough to be no chance: a card's id, a signature.
  const own = rows.filter(
    ({ text, cells }) =>
      text.includes(name) ||
      cells.some((cell) => cell.length >= 16 && runs.has(Buffer.from(cell.subarray(-8)).toString('hex'))),
  );
  for (const { text, cells } of own) {
    addText(text);
    cells.forEach(addBytes);
  }
  const heads = all.flatMap(({ there }) => requestsOf(there).map(({ head }) => namesOf(head)));
  return {
    name,
    connections: new Set(all.map(({ from }) => from)),
    addresses: new Set(all.map(({ exit }) => exit)),
    time: Math.min(...all.map(({ time }) => time)),
    size: all.reduce((sum, { there, back }) => sum + there.length + back.length, 0),
    shape: new Set(heads),
    values: new Set([...words, ...runs]),
    row: own.find(({ table }) => table === 'orders' || table === 'cards')?.place ?? -1,
  };
}

function namesOf(head: string): string {
  return [...head.matchAll(/\r\n([\w-]+):/g)].map(([, name]) => name).join(' ');
}

/** What it thinks of a card: the sale that it came of, or nothing. */
export type Guess = (evidence: Evidence) => ReadonlyMap<string, string>;

/** The one sale that has most in common with the card; of several alike none. */
function byScore(score: (sale: Trace, card: Trace, evidence: Evidence) => number): Guess {
  return (evidence) => {
    const guesses = new Map<string, string>();
    for (const card of evidence.cards) {
      const scored = evidence.sales.map((sale) => ({ sale, points: score(sale, card, evidence) }));
      const most = Math.max(...scored.map(({ points }) => points));
      const [best, ...alike] = scored.filter(({ points }) => points === most);
      if (best && alike.length === 0) guesses.set(card.name, best.sale.name);
    }
    return guesses;
  };
}

function common(one: ReadonlySet<string>, other: ReadonlySet<string>): number {
  return [...one].filter((value) => other.has(value)).length;
}

function ordered(by: (trace: Trace) => number): Guess {
  return ({ sales, cards }) => {
    const rank = (traces: readonly Trace[]): Trace[] => [...traces].sort((a, b) => by(a) - by(b));
    const first = rank(sales);
    return new Map(rank(cards).map(({ name }, i) => [name, first[i]?.name ?? '']));
  };
}

/** What many have says nothing. */
function rareOf(traces: readonly Trace[]): Map<Trace, Set<string>> {
  const count = new Map<string, number>();
  for (const { values } of traces) for (const value of values) count.set(value, (count.get(value) ?? 0) + 1);
  return new Map(traces.map((one) => [one, new Set([...one.values].filter((v) => count.get(v)! <= 2))]));
}

const byValues: Guess = (evidence) => {
  const sales = rareOf(evidence.sales);
  const cards = rareOf(evidence.cards);
  return byScore((sale, card) => common(sales.get(sale)!, cards.get(card)!))(evidence);
};

/** Every way that we could think of. */
export const guesses: Readonly<Record<string, Guess>> = {
  'the connection': byScore((sale, card) => common(sale.connections, card.connections)),
  'the address': byScore((sale, card) => common(sale.addresses, card.addresses)),
  'a value that appears again': byValues,
  'the order of headers': byScore((sale, card) => common(sale.shape, card.shape)),
  'the size': byScore((sale, card) => -Math.abs(sale.size - card.size)),
  'the last sale before': byScore((sale, card) => (sale.time <= card.time ? sale.time : -Infinity)),
  'first come, first served': ordered(({ time }) => time),
  'the order in the ledger': ordered(({ row }) => row),
};

/** The least number of hits that chance makes in less than one case in ten million, where `mean` are to be expected (Chernoff's bound). */
export function surprising(mean: number): number {
  for (let hits = Math.ceil(mean) + 1; ; hits++) {
    if (Math.exp(-mean + hits * (1 + Math.log(mean / hits))) < 1e-7) return hits;
  }
}
