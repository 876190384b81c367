import type { CardId } from '../../core/card.js';
import type { CardState } from '../../core/card-state.js';
import { keyQuarantined } from '../../server/ledger-memory.js';
import type { CardEntry, StoredCard } from '../../server/ledger.js';
import { encodeState } from '../sqlite/codec.js';
import { byteaArray, int8Array, textArray } from './arrays.js';
import type { Database } from './database.js';
import { Groups } from './groups.js';
import { cardColumns, cardOf } from './rows.js';
import { addToSums, shardOf } from './sums.js';

interface Opening {
  readonly entry: CardEntry;
  readonly state: CardState;
  readonly at: number;
}

/** A card in memory. Without a state it must be read. */
interface Remembered {
  readonly entry: CardEntry;
  readonly card: StoredCard | undefined;
}

const lanes = 2;

/** The cards of a PostgreSQL ledger: those in memory may be behind what other processes did. */
export class Cards {
  readonly #database: Database;
  readonly #maxCards: number;
  /** In the order of their last use. */
  readonly #remembered = new Map<CardId, Remembered>();
  readonly #openings: Groups<Opening, boolean>;
  readonly #readings: Groups<{ readonly id: CardId }, StoredCard | null>;
  /** Readings that have not begun. */
  readonly #asked = new Map<CardId, Promise<StoredCard | null>>();

  /** @param instanceOf the number of this ledger now */
  constructor(database: Database, instanceOf: () => number, maxCards: number) {
    this.#database = database;
    this.#maxCards = maxCards;
    this.#openings = new Groups({
      run: (openings, lane) => this.#insert(openings, shardOf(instanceOf(), lane, lanes)),
      nameOf: ({ entry }) => entry.id,
      lanes,
    });
    this.#readings = new Groups({ run: (jobs) => this.#read(jobs), nameOf: ({ id }) => id, lanes });
  }

  async open(entry: CardEntry, state: CardState, at: number): Promise<StoredCard> {
    if (await this.#openings.add({ entry, state, at })) {
      const card = { entry, state, version: 0 };
      this.moved(card);
      return card;
    }
    const known = await this.read(entry.id);
    if (!known) throw keyQuarantined();
    return known;
  }

  /** As the database has it. */
  async read(id: CardId): Promise<StoredCard | undefined> {
    let reading = this.#asked.get(id);
    if (!reading) {
      reading = this.#readings.add({ id });
      this.#asked.set(id, reading);
    }
    return (await reading) ?? undefined;
  }

  /** As this process knew it last, if it does. */
  recall(id: CardId): StoredCard | undefined {
    return this.#remembered.get(id)?.card;
  }

  entryOf(id: CardId): CardEntry | undefined {
    return this.#remembered.get(id)?.entry;
  }

  /** Notes what a card has become. */
  moved(card: StoredCard): void {
    const { id } = card.entry;
    const known = this.#remembered.get(id);
    if (known?.card && known.card.version > card.version) return;
    this.#remembered.delete(id);
    this.#remembered.set(id, { entry: known?.entry ?? card.entry, card: card.held ? undefined : card });
    if (this.#remembered.size > this.#maxCards) {
      this.#remembered.delete(this.#remembered.keys().next().value!);
    }
  }

  /** Notes that it is not known what became of a card. */
  forget(id: CardId): void {
    const known = this.#remembered.get(id);
    if (known) this.#remembered.set(id, { entry: known.entry, card: undefined });
  }

  async drained(): Promise<void> {
    await this.#openings.drained();
    await this.#readings.drained();
  }

  /** @returns of each whether it was not there, and may be */
  async #insert(openings: readonly Opening[], shard: number): Promise<boolean[]> {
    const { schema } = this.#database;
    const rows = await this.#database.query(
      `WITH opened AS (
        INSERT INTO ${schema}.cards (id, key_id, message, master, protocol, scheme, expires, version, state)
        SELECT g.id, g.key_id, g.message, g.master, g.protocol, g.scheme, g.expires, 0, g.state
        FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::text[], $6::bytea[], $7::int8[], $8::bytea[])
          AS g (id, key_id, message, master, protocol, scheme, expires, state)
        WHERE NOT EXISTS (SELECT 1 FROM ${schema}.quarantine q WHERE q.key = g.key_id)
        ON CONFLICT (id) DO NOTHING
        RETURNING id, key_id
      ), given AS (
        SELECT * FROM unnest($1::text[], $9::int8[], $10::int8[]) AS g (id, at, units)
      ), summed AS (${addToSums(
        schema,
        String(shard),
        `SELECT at / 86400 AS day, 'opened' AS kind, key_id AS key, 0 AS route, 1 AS count, units
         FROM opened JOIN given USING (id)`,
      )})
      SELECT id FROM opened`,
      [
        textArray(openings.map(({ entry }) => entry.id)),
        textArray(openings.map(({ entry }) => entry.keyId)),
        byteaArray(openings.map(({ entry }) => entry.message)),
        byteaArray(openings.map(({ entry }) => entry.master)),
        textArray(openings.map(({ entry }) => entry.protocol)),
        byteaArray(openings.map(({ entry }) => entry.scheme)),
        int8Array(openings.map(({ entry }) => entry.expires)),
        byteaArray(openings.map(({ state }) => encodeState(state))),
        int8Array(openings.map(({ at }) => at)),
        int8Array(openings.map(({ state }) => state.units)),
      ],
    );
    const opened = new Set(rows.map(([id]) => id));
    return openings.map(({ entry }) => opened.has(entry.id));
  }

  async #read(jobs: ReadonlyArray<{ readonly id: CardId }>): Promise<Array<StoredCard | null>> {
    const ids = jobs.map(({ id }) => id);
    for (const id of ids) this.#asked.delete(id);
    const { schema } = this.#database;
    const rows = await this.#database.lookUp(
      `SELECT ${cardColumns(schema)} FROM ${schema}.cards c WHERE c.id = ANY ($1::text[])`,
      [textArray(ids)],
    );
    const found = new Map<unknown, StoredCard>();
    for (const row of rows) {
      const card = cardOf(row, this.#remembered.get(row[0] as CardId)?.entry);
      this.moved(card);
      found.set(row[0], card);
    }
    return ids.map((id) => found.get(id) ?? null);
  }
}
