import { ImpulsError } from '../../core/errors.js';
import type { LedgerContents, LedgerRecord, RecordKind } from '../moving/records.js';
import { encodeItems, encodeList, encodeReply, encodeState } from '../sqlite/codec.js';
import { orderStates, purposes } from '../sqlite/records.js';
import { creditRoutes } from '../sqlite/routes.js';
import { boolArray, byteaArray, int2Array, int4Array, int8Array, textArray } from './arrays.js';
import type { Database, Query } from './database.js';
import { statuses } from './rows.js';

/** Records that one statement writes. */
const recordsAtOnce = 500;

type Of<K extends RecordKind> = Extract<LedgerRecord, { readonly kind: K }>;

/**
 * Writes what another ledger holds into the empty tables of one, all of it or nothing. Servers that have the tables open wait.
 *
 * @param onProgress told how many records are written
 * @throws ImpulsError `invalid-argument` if the tables are not empty; `storage-failed`
 */
export async function fillPostgresLedger(
  database: Database,
  contents: LedgerContents,
  onProgress: (done: number) => void = () => {},
): Promise<void> {
  const { schema } = database;
  await database.transaction(async (query) => {
    for (const table of ['cards', 'claims', 'orders', 'batches', 'sums']) {
      await query(`LOCK TABLE ${schema}.${table} IN EXCLUSIVE MODE`);
    }
    if (!(await isEmpty(query, schema))) throw notEmpty();
    const filling = new Filling(query, schema);
    let done = 0;
    for await (const record of contents.read()) {
      await filling.add(record);
      if (++done % recordsAtOnce === 0) onProgress(done);
    }
    await filling.flush();
    onProgress(done);
    return true;
  });
}

/** Whether the tables hold nothing at all. @param schema quoted */
export async function isEmpty(query: Query, schema: string): Promise<boolean> {
  const tables = ['cards', 'claims', 'orders', 'batches', 'sums', 'quarantine'];
  const found = tables.map((table) => `EXISTS (SELECT 1 FROM ${schema}.${table})`).join(' OR ');
  return (await query(`SELECT ${found}`))[0]![0] === false;
}

/** Takes everything out of the tables again. */
export async function emptyPostgresLedger(database: Database): Promise<void> {
  const { schema } = database;
  await database.transaction(async (query) => {
    const tables = ['claims', 'cards', 'orders', 'batches', 'sums', 'quarantine', 'routes'];
    await query(`TRUNCATE ${tables.map((table) => `${schema}.${table}`).join(', ')}`);
    return true;
  });
}

function notEmpty(): ImpulsError {
  return new ImpulsError('invalid-argument', 'the database holds a ledger already', {
    hint: 'Name an empty database, or the one that this ledger was moved to before.',
  });
}

class Filling {
  readonly #query: Query;
  readonly #schema: string;
  readonly #routes = new Map<string, number>([['', 0]]);
  #waiting: LedgerRecord[] = [];

  constructor(query: Query, schema: string) {
    this.#query = query;
    this.#schema = schema;
  }

  async add(record: LedgerRecord): Promise<void> {
    if (this.#waiting.length >= recordsAtOnce || this.#waiting[0]?.kind !== record.kind) await this.flush();
    this.#waiting.push(record);
  }

  async flush(): Promise<void> {
    const records = this.#waiting;
    this.#waiting = [];
    switch (records[0]?.kind) {
      case 'batch':
        return this.#addBatches(records as Of<'batch'>[]);
      case 'order':
        return this.#addOrders(records as Of<'order'>[]);
      case 'card':
        return this.#addCards(records as Of<'card'>[]);
      case 'claim':
        return this.#addClaims(records as Of<'claim'>[]);
      case 'movement':
        return this.#addMovements(records as Of<'movement'>[]);
      case 'quarantine':
        return this.#insert('quarantine', {
          key: textArray((records as Of<'quarantine'>[]).map(({ key }) => key)),
        });
      case 'totals':
        return this.#addTotals(records as Of<'totals'>[]);
      case undefined:
        return undefined;
    }
  }

  /** @param columns an array of values for each */
  async #insert(table: string, columns: Readonly<Record<string, Buffer>>): Promise<void> {
    const names = Object.keys(columns);
    const types: Readonly<Record<string, string>> = columnTypes[table]!;
    const arrays = names.map((name, i) => `$${i + 1}::${types[name] ?? types['']!}[]`).join(', ');
    await this.#query(
      `INSERT INTO ${this.#schema}.${table} (${names.join(', ')}) SELECT * FROM unnest(${arrays}) AS g`,
      Object.values(columns),
    );
  }

  async #addBatches(records: readonly Of<'batch'>[]): Promise<void> {
    const batches = records.map(({ batch }) => batch);
    const sizes = batches.map(({ codes }) => codes.printed + codes.active + codes.void + codes.redeemed);
    await this.#insert('batches', {
      number: int8Array(batches.map(({ number }) => number)),
      label: textArray(batches.map(({ label }) => label)),
      items: byteaArray(batches.map(({ items }) => encodeItems(items))),
      created: int8Array(batches.map(({ created }) => created)),
      expires: int8Array(batches.map(({ expires }) => expires)),
      codes: int8Array(sizes),
    });
    await this.#count(
      batches.flatMap(({ number, codes }) =>
        Object.entries(codes).map(([kind, count]) => ({ kind: `#${kind}`, key: String(number), count })),
      ),
    );
  }

  async #addOrders(records: readonly Of<'order'>[]): Promise<void> {
    const orders = records.map(({ order }) => order);
    await this.#insert('orders', {
      id: textArray(orders.map(({ id }) => id)),
      items: byteaArray(orders.map(({ items }) => encodeItems(items))),
      state: int2Array(orders.map(({ state }) => orderStates.indexOf(state))),
      stopped: boolArray(orders.map(({ stopped = false }) => stopped)),
      isolated: boolArray(orders.map(({ isolated = false }) => isolated)),
      digest: textArray(orders.map(({ served }) => served?.digest)),
      signatures: byteaArray(orders.map(({ served }) => served && encodeList(served.signatures))),
    });
    const coded = orders.filter(({ code }) => code);
    await this.#update(coded.map(({ id, code }) => ({ id, batch: code!.batch, serial: code!.serial })));
    const credited = orders.filter(({ credit }) => credit);
    await this.#update(
      credited.map(({ id, credit }) => ({
        ...{ id, purpose: purposes.indexOf(credit!.purpose) },
        ...{ credit: credit!.units, at: credit!.at },
      })),
    );
    const paid = credited.filter(({ credit }) => credit!.paid !== undefined);
    await this.#update(paid.map(({ id, credit }) => ({ id, paid: credit!.paid! })));
  }

  /** Numbers of orders that others do not have. */
  async #update(
    rows: ReadonlyArray<Readonly<Record<string, number | string>> & { readonly id: string }>,
  ): Promise<void> {
    if (rows.length === 0) return;
    const names = Object.keys(rows[0]!).filter((name) => name !== 'id');
    const arrays = ['$1::text[]', ...names.map((_, i) => `$${i + 2}::int8[]`)].join(', ');
    await this.#query(
      `UPDATE ${this.#schema}.orders o SET ${names.map((name) => `${name} = g.${name}`).join(', ')}
       FROM unnest(${arrays}) AS g (id, ${names.join(', ')}) WHERE o.id = g.id`,
      [
        textArray(rows.map(({ id }) => id)),
        ...names.map((name) => int8Array(rows.map((row) => row[name] as number))),
      ],
    );
  }

  async #addCards(records: readonly Of<'card'>[]): Promise<void> {
    const cards = records.map(({ card }) => card);
    const entries = cards.map(({ entry }) => entry);
    await this.#insert('cards', {
      id: textArray(entries.map(({ id }) => id)),
      key_id: textArray(entries.map(({ keyId }) => keyId)),
      message: byteaArray(entries.map(({ message }) => message)),
      master: byteaArray(entries.map(({ master }) => master)),
      protocol: textArray(entries.map(({ protocol }) => protocol)),
      scheme: byteaArray(entries.map(({ scheme }) => scheme)),
      expires: int8Array(entries.map(({ expires }) => expires)),
      version: int4Array(cards.map(({ version }) => version)),
      state: byteaArray(cards.map(({ state }) => encodeState(state))),
    });
  }

  async #addClaims(records: readonly Of<'claim'>[]): Promise<void> {
    const claims = records.map(({ claim }) => claim);
    const routes: number[] = [];
    for (const { claim, credit } of records) {
      routes.push(credit ? creditRoutes[credit] : await this.#routeOf(claim.route));
    }
    await this.#insert('claims', {
      card: textArray(records.map(({ card }) => card)),
      upto: int8Array(claims.map(({ end }) => end)),
      tag: textArray(claims.map(({ tag }) => tag)),
      units: int8Array(claims.map(({ units }) => units)),
      kept: int8Array(claims.map(({ kept }) => kept)),
      status: int2Array(
        claims.map(({ status }) => (status === 'interrupted' ? 0 : statuses.indexOf(status))),
      ),
      safe: boolArray(claims.map(({ safe }) => safe)),
      route: int4Array(routes),
      // No ledger's: what is pending is interrupted.
      instance: int8Array(claims.map(() => 0)),
      accepted_at: int8Array(claims.map(({ acceptedAt }) => acceptedAt)),
      challenge_expires: int8Array(claims.map(({ challengeExpires }) => challengeExpires)),
      proof: byteaArray(claims.map(({ proof }) => proof)),
      key: byteaArray(claims.map(({ key }) => key)),
      name: textArray(claims.map(({ idempotency }) => idempotency?.name)),
      print: textArray(claims.map(({ idempotency }) => idempotency?.print)),
      reply: byteaArray(claims.map(({ reply }) => reply && encodeReply(reply))),
    });
  }

  async #addMovements(records: readonly Of<'movement'>[]): Promise<void> {
    const movements = records.map(({ movement }) => movement);
    const routes: number[] = [];
    for (const { route } of movements) routes.push(await this.#routeOf(route));
    await this.#insert('sums', {
      shard: int4Array(movements.map(() => 0)),
      day: int8Array(movements.map(({ day }) => day)),
      kind: textArray(movements.map(({ kind }) => kind)),
      key: textArray(movements.map(({ key }) => key)),
      route: int4Array(routes),
      count: int8Array(movements.map(({ count }) => count)),
      units: int8Array(movements.map(({ units }) => units)),
    });
  }

  async #addTotals([record]: readonly Of<'totals'>[]): Promise<void> {
    const { orders, ordersServed: served, claims } = record!.totals;
    const counts = { orders, served, ...claims };
    await this.#count(Object.entries(counts).map(([kind, count]) => ({ kind: `#${kind}`, key: '', count })));
  }

  async #count(
    counts: ReadonlyArray<{ readonly kind: string; readonly key: string; readonly count: number }>,
  ): Promise<void> {
    await this.#insert('sums', {
      shard: int4Array(counts.map(() => 0)),
      day: int8Array(counts.map(() => 0)),
      kind: textArray(counts.map(({ kind }) => kind)),
      key: textArray(counts.map(({ key }) => key)),
      route: int4Array(counts.map(() => 0)),
      count: int8Array(counts.map(({ count }) => count)),
      units: int8Array(counts.map(() => 0)),
    });
  }

  async #routeOf(name: string): Promise<number> {
    let number = this.#routes.get(name);
    if (number === undefined) {
      number = this.#routes.size;
      this.#routes.set(name, number);
      await this.#query(`INSERT INTO ${this.#schema}.routes (number, name) VALUES ($1, $2)`, [number, name]);
    }
    return number;
  }
}

/** The types of columns by table; '' of all others. */
const columnTypes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  batches: { label: 'text', items: 'bytea', '': 'int8' },
  orders: {
    ...{ id: 'text', digest: 'text', items: 'bytea', signatures: 'bytea' },
    ...{ state: 'int2', stopped: 'bool', isolated: 'bool' },
  },
  cards: {
    ...{ id: 'text', key_id: 'text', protocol: 'text', expires: 'int8', version: 'int4' },
    '': 'bytea',
  },
  claims: {
    ...{
      card: 'text',
      tag: 'text',
      name: 'text',
      print: 'text',
      proof: 'bytea',
      key: 'bytea',
      reply: 'bytea',
    },
    ...{ status: 'int2', safe: 'bool', route: 'int4', '': 'int8' },
  },
  sums: { shard: 'int4', kind: 'text', key: 'text', route: 'int4', '': 'int8' },
  quarantine: { key: 'text' },
};
