import type { CardId } from '../../core/card.js';
import type { CardState } from '../../core/card-state.js';
import { limits } from '../../core/limits.js';
import type { ClaimRecord, StoredReply } from '../../server/ledger.js';
import { encodeReply, encodeState } from '../sqlite/codec.js';
import { boolArray, byteaArray, int2Array, int4Array, int8Array, textArray } from './arrays.js';
import type { Cards } from './cards.js';
import type { Database, Row } from './database.js';
import { Groups } from './groups.js';
import type { Routes } from './routes.js';
import { claimColumns, claimOf, statuses } from './rows.js';
import { addToSums, shardOf } from './sums.js';

/** A change of a card from a version that somebody has read. */
interface Move {
  readonly id: CardId;
  readonly version: number;
  readonly next: CardState;
}

interface Acceptance extends Move {
  readonly claim: ClaimRecord;
  readonly route: number;
}

interface Settlement {
  readonly id: CardId;
  readonly tag: string;
  readonly reply: StoredReply | undefined;
}

interface GivingBack extends Move {
  readonly tag: string;
  readonly kept: number;
}

/** More at once are smaller, and each has to be planned. */
const lanes = 2;
/** Claims of which it is remembered where they end, which spares a search when they are resolved. */
const maxEnds = 65_536;

/** The claims of a PostgreSQL ledger. Which of many that change a card wins is for its row to say, by its version. */
export class Claims {
  readonly #database: Database;
  readonly #cards: Cards;
  readonly #routes: Routes;
  readonly #instanceOf: () => number;
  readonly #ends = new Map<string, number>();
  readonly #acceptances: Groups<Acceptance, boolean>;
  readonly #settlements: Groups<Settlement, boolean>;
  readonly #returns: Groups<GivingBack, boolean>;

  /** @param instanceOf the number of this ledger now */
  constructor(database: Database, cards: Cards, routes: Routes, instanceOf: () => number) {
    this.#database = database;
    this.#cards = cards;
    this.#routes = routes;
    this.#instanceOf = instanceOf;
    const moves = {
      nameOf: ({ id }: Move) => id,
      // Another one has moved the card in the meantime.
      answer: ({ id, version }: Move) => ((cards.recall(id)?.version ?? 0) > version ? false : undefined),
      lost: (jobs: readonly Move[]) => {
        for (const { id } of jobs) cards.forget(id);
      },
      lanes,
    };
    this.#acceptances = new Groups<Acceptance, boolean>({
      ...moves,
      run: (jobs, lane) => this.#runAcceptances(jobs, lane),
    });
    this.#returns = new Groups<GivingBack, boolean>({
      ...moves,
      run: (jobs, lane) => this.#runReturns(jobs, lane),
    });
    this.#settlements = new Groups({
      nameOf: ({ tag }) => tag,
      run: (jobs, lane) => this.#runSettlements(jobs, lane),
      lanes,
    });
  }

  accept(id: CardId, version: number, next: CardState, claim: ClaimRecord): Promise<boolean> {
    const route = this.#routes.numberOf(claim.route);
    if (route !== undefined) return this.#acceptances.add({ id, version, next, claim, route });
    return this.#routes
      .add(claim.route)
      .then((added) => this.#acceptances.add({ id, version, next, claim, route: added }));
  }

  async settle(id: CardId, tag: string, reply?: StoredReply): Promise<void> {
    // One who settles at the same time elsewhere is not seen: then the reply comes to a settled claim.
    const settled = await this.#settlements.add({ id, tag, reply });
    if (!settled && reply) await this.#settlements.add({ id, tag, reply });
  }

  giveBack(id: CardId, version: number, next: CardState, tag: string, kept: number): Promise<boolean> {
    return this.#returns.add({ id, version, next, tag, kept });
  }

  find(id: CardId, tag: string, end?: number): Promise<ClaimRecord | undefined> {
    const at = end ?? this.#ends.get(tag);
    return this.#findOne(at === undefined ? 'k.tag = $2' : 'k.tag = $2 AND k.upto = $3', [
      id,
      tag,
      ...(at === undefined ? [] : [at]),
    ]);
  }

  findIdempotent(id: CardId, name: string): Promise<ClaimRecord | undefined> {
    return this.#findOne(`k.name = $2 AND k.status <> 2`, [id, name]);
  }

  findHolder(
    id: CardId,
    protocol: 'chain' | 'stream',
    from: number,
    end: number,
  ): Promise<ClaimRecord | undefined> {
    if (protocol === 'stream') return this.#findOne('k.upto = $2 AND k.kept > 0', [id, end]);
    // No claim of a chain is longer than a card.
    const holds = `k.upto > $2 AND k.upto <= $4 AND k.kept > 0 AND k.upto - k.units < $3 AND k.upto - k.units + k.kept > $2`;
    return this.#findOne(`${holds} ORDER BY k.upto`, [id, from, end, end + limits.chainUnits]);
  }

  async drained(): Promise<void> {
    await this.#acceptances.drained();
    await this.#settlements.drained();
    await this.#returns.drained();
  }

  async #findOne(condition: string, values: Array<string | number>): Promise<ClaimRecord | undefined> {
    const { schema } = this.#database;
    const [row] = await this.#database.lookUp(
      `SELECT ${claimColumns(schema)} FROM ${schema}.claims k WHERE k.card = $1 AND ${condition} LIMIT 1`,
      values,
    );
    if (!row) return undefined;
    await this.#routes.load([Number(row[6])]);
    return claimOf(row, (number) => this.#routes.nameOf(number));
  }

  async #runAcceptances(jobs: readonly Acceptance[], lane: number): Promise<boolean[]> {
    const { schema } = this.#database;
    const claims = jobs.map(({ claim }) => claim);
    const counted = `
      SELECT accepted_at / 86400 AS day, 'spent' AS kind, key_id AS key, route,
        CASE status WHEN 2 THEN 0 ELSE 1 END AS count, kept AS units FROM won
      UNION ALL
      SELECT 0, CASE status WHEN 0 THEN '#pending' WHEN 1 THEN '#settled' ELSE '#released' END, '', 0, 1, 0 FROM won`;
    const rows = await this.#database.repeat(
      `WITH won AS (
        UPDATE ${schema}.cards c SET version = c.version + 1, state = g.state
        FROM unnest($1::text[], $2::int4[], $3::bytea[], $4::int8[], $5::text[], $6::int8[], $7::int8[], $8::int2[],
          $9::bool[], $10::int4[], $11::int8[], $12::int8[], $13::bytea[], $14::bytea[], $15::text[], $16::text[])
          AS g (card, version, state, upto, tag, units, kept, status, safe, route, accepted_at, challenge_expires, proof,
            key, name, print)
        WHERE c.id = g.card AND c.version = g.version
          AND NOT EXISTS (SELECT 1 FROM ${schema}.quarantine q WHERE q.key = c.key_id)
        RETURNING g.*, c.key_id
      ), added AS (
        INSERT INTO ${schema}.claims (card, upto, tag, units, kept, status, safe, route, instance, accepted_at,
          challenge_expires, proof, key, name, print)
        SELECT card, upto, tag, units, kept, status, safe, route, $17::int8, accepted_at, challenge_expires, proof, key, name,
          print
        FROM won
      ), summed AS (${addToSums(schema, '$18::int4', counted)})
      SELECT card FROM won`,
      [
        ...moveColumns(jobs),
        int8Array(claims.map(({ end }) => end)),
        textArray(claims.map(({ tag }) => tag)),
        int8Array(claims.map(({ units }) => units)),
        int8Array(claims.map(({ kept }) => kept)),
        int2Array(claims.map(({ status }) => (status === 'interrupted' ? 0 : statuses.indexOf(status)))),
        boolArray(claims.map(({ safe }) => safe)),
        int4Array(jobs.map(({ route }) => route)),
        int8Array(claims.map(({ acceptedAt }) => acceptedAt)),
        int8Array(claims.map(({ challengeExpires }) => challengeExpires)),
        byteaArray(claims.map(({ proof }) => proof)),
        byteaArray(claims.map(({ key }) => key)),
        textArray(claims.map(({ idempotency }) => idempotency?.name)),
        textArray(claims.map(({ idempotency }) => idempotency?.print)),
        this.#instanceOf(),
        this.#shardOf(lane),
      ],
    );
    for (const { claim } of jobs) if (claim.status === 'pending') this.#rememberEnd(claim);
    return this.#moved(jobs, rows);
  }

  async #runReturns(jobs: readonly GivingBack[], lane: number): Promise<boolean[]> {
    const { schema } = this.#database;
    const counted = `
      SELECT accepted_at / 86400 AS day, 'spent' AS kind, key_id AS key, route,
        CASE kept WHEN 0 THEN -1 ELSE 0 END AS count, kept - before AS units FROM won
      UNION ALL
      SELECT 0, '#pending', '', 0, -1, 0 FROM won
      UNION ALL
      SELECT 0, CASE kept WHEN 0 THEN '#released' ELSE '#settled' END, '', 0, 1, 0 FROM won`;
    // The claim is locked first: whoever settles it meanwhile does not move the card.
    const rows = await this.#database.repeat(
      `WITH held AS (
        SELECT g.card, g.version, g.state, g.kept, k.upto, k.tag, k.kept AS before, k.accepted_at, k.route
        FROM unnest($1::text[], $2::int4[], $3::bytea[], $4::text[], $5::int8[], $6::int8[], $7::int8[])
          AS g (card, version, state, tag, kept, low, high)
        JOIN ${schema}.claims k ON k.card = g.card AND k.upto BETWEEN g.low AND g.high AND k.tag = g.tag
        WHERE k.status = 0 FOR UPDATE OF k
      ), won AS (
        UPDATE ${schema}.cards c SET version = c.version + 1, state = h.state
        FROM held h WHERE c.id = h.card AND c.version = h.version
        RETURNING c.id, c.key_id, h.upto, h.tag, h.kept, h.before, h.accepted_at, h.route
      ), resolved AS (
        UPDATE ${schema}.claims k SET kept = w.kept, status = CASE w.kept WHEN 0 THEN 2 ELSE 1 END
        FROM won w WHERE k.card = w.id AND k.upto = w.upto AND k.tag = w.tag
      ), summed AS (${addToSums(schema, '$8::int4', counted)})
      SELECT id FROM won`,
      [
        ...moveColumns(jobs),
        textArray(jobs.map(({ tag }) => tag)),
        int8Array(jobs.map(({ kept }) => kept)),
        ...this.#endColumns(jobs),
        this.#shardOf(lane),
      ],
    );
    for (const { tag } of jobs) this.#ends.delete(tag);
    return this.#moved(jobs, rows);
  }

  async #runSettlements(jobs: readonly Settlement[], lane: number): Promise<boolean[]> {
    const { schema } = this.#database;
    const claimOfJob = 'k.card = g.card AND k.upto BETWEEN g.low AND g.high AND k.tag = g.tag';
    const counted = `
      SELECT 0 AS day, '#pending' AS kind, '' AS key, 0 AS route, -1 AS count, 0 AS units FROM done
      UNION ALL
      SELECT 0, '#settled', '', 0, 1, 0 FROM done`;
    const rows = await this.#database.repeat(
      `WITH given AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::int8[], $5::int8[]) AS g (card, tag, reply, low, high)
      ), done AS (
        UPDATE ${schema}.claims k SET status = 1, reply = g.reply FROM given g WHERE ${claimOfJob} AND k.status = 0
        RETURNING k.tag
      ), replied AS (
        UPDATE ${schema}.claims k SET reply = g.reply FROM given g
        WHERE ${claimOfJob} AND k.status = 1 AND k.reply IS NULL AND g.reply IS NOT NULL
        RETURNING k.tag
      ), summed AS (${addToSums(schema, '$6::int4', counted)})
      SELECT tag FROM done UNION ALL SELECT tag FROM replied`,
      [
        textArray(jobs.map(({ id }) => id)),
        textArray(jobs.map(({ tag }) => tag)),
        byteaArray(jobs.map(({ reply }) => reply && encodeReply(reply))),
        ...this.#endColumns(jobs),
        this.#shardOf(lane),
      ],
    );
    const settled = new Set(rows.map(([tag]) => tag));
    return jobs.map(({ tag }) => settled.has(tag));
  }

  /** @param rows the ids of the cards that moved */
  #moved(jobs: readonly Move[], rows: readonly Row[]): boolean[] {
    const moved = new Set(rows.map(([id]) => id));
    return jobs.map(({ id, version, next }) => {
      const won = moved.has(id);
      const entry = this.#cards.entryOf(id);
      if (won && entry) this.#cards.moved({ entry, state: next, version: version + 1 });
      else this.#cards.forget(id);
      return won;
    });
  }

  #shardOf(lane: number): number {
    return shardOf(this.#instanceOf(), lane, lanes);
  }

  /** Between which ends the claims are to be looked for. */
  #endColumns(jobs: ReadonlyArray<{ readonly tag: string }>): Buffer[] {
    const ends = jobs.map(({ tag }) => this.#ends.get(tag));
    return [int8Array(ends.map((end) => end ?? 0)), int8Array(ends.map((end) => end ?? limits.maxUint32))];
  }

  #rememberEnd({ tag, end }: ClaimRecord): void {
    this.#ends.set(tag, end);
    if (this.#ends.size > maxEnds) this.#ends.delete(this.#ends.keys().next().value!);
  }
}

function moveColumns(jobs: readonly Move[]): Buffer[] {
  return [
    textArray(jobs.map(({ id }) => id)),
    int4Array(jobs.map(({ version }) => version)),
    byteaArray(jobs.map(({ next }) => encodeState(next))),
  ];
}
