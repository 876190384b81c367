/** "impl", in the header of every ledger. */
export const applicationId = 0x696d706c;

/** In the header as SQLite's user_version. A file of a higher one is refused. */
export const schemaVersion = 4;

/** A row counts its codes of each kind; the codes are the orders that name it. */
export const batchTables = `
  CREATE TABLE batches (
    number INTEGER PRIMARY KEY,
    label TEXT NOT NULL,
    items BLOB NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    printed INTEGER NOT NULL,
    active INTEGER NOT NULL,
    void INTEGER NOT NULL,
    redeemed INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX codes ON orders (batch, serial) WHERE batch IS NOT NULL;
`;

/** Units of `books`: see `Movement`. A row of `groups` links the rows of the journal after the group before, up to `last`. */
export const bookTables = `
  CREATE TABLE routes (
    id INTEGER PRIMARY KEY,     -- 0 is '' and not here
    name TEXT NOT NULL
  );
  CREATE TABLE groups (
    last INTEGER PRIMARY KEY,   -- seq
    link BLOB NOT NULL,
    purged INTEGER NOT NULL     -- 0, or of how many groups, whose rows are gone, it is the last
  );
  CREATE TABLE books (
    day INTEGER NOT NULL,       -- since 1970, UTC
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    route TEXT NOT NULL,
    count INTEGER NOT NULL,
    units INTEGER NOT NULL,
    PRIMARY KEY (day, kind, key, route)
  ) WITHOUT ROWID;
  CREATE TABLE quarantine (
    key TEXT PRIMARY KEY        -- id of an issuing key
  ) WITHOUT ROWID;
  CREATE INDEX refunds ON orders (at) WHERE purpose = 1;
`;

/** Finds a claim by the name of its idempotency key. */
export const idempotencyIndex = `
  CREATE INDEX idempotency ON journal (slot, substr(idempotency, 1, 16)) WHERE idempotency IS NOT NULL;
`;

/**
 * `journal` is the truth: one row for everything that happened to a card, never changed but by a purge. It holds no state: the
 * rules of the protocol make the next one from the row, and an earlier state of a generator must not be found. A row of `cards`
 * is the state after the journal's row `seq`; `claims` is the index of what is folded into `cards` that far. `progress`
 * and `books` hold the sums up to its `seq`, and `tail` is where the first row may be that is not folded.
 */
export const schema = `
  CREATE TABLE cards (
    slot INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    message BLOB NOT NULL,
    key_id TEXT NOT NULL,
    master BLOB NOT NULL,
    protocol TEXT NOT NULL,
    scheme BLOB NOT NULL,
    expires INTEGER NOT NULL,
    state BLOB NOT NULL,
    version INTEGER NOT NULL,
    seq INTEGER NOT NULL
  );
  CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    slot INTEGER NOT NULL,
    kind INTEGER NOT NULL,      -- 0 accept, 1 settle, 2 give back, 3 open
    claim INTEGER NOT NULL,     -- seq of the accepting row
    end INTEGER,                -- of an opened card: its expiry
    units INTEGER,
    kept INTEGER NOT NULL,      -- of an acceptance: 0 if it is released from the beginning
    tag TEXT,                   -- of an opened card: its issuing key
    proof BLOB,                 -- of an opened card: m
    safe INTEGER,
    key BLOB,
    reply BLOB,
    at INTEGER NOT NULL,        -- of the claim, in every row
    challenge_expires INTEGER NOT NULL,
    route INTEGER NOT NULL DEFAULT 0, -- of the claim, in every row; -1 for an exchange, -2 for a refund
    idempotency BLOB            -- of a claim that has such a key: its name (16) and its print (16); erased as keys are
  );
  ${idempotencyIndex}
  CREATE TABLE claims (
    slot INTEGER NOT NULL,
    end INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    units INTEGER NOT NULL,
    kept INTEGER NOT NULL,
    resolved INTEGER,           -- seq of the row that settles or gives back
    hash INTEGER NOT NULL,      -- hashTag of the tag
    PRIMARY KEY (slot, end, seq)
  ) WITHOUT ROWID;
  CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    items BLOB NOT NULL,
    digest TEXT,
    signatures BLOB,
    batch INTEGER,              -- null, as the serial, for an order without a batch
    serial INTEGER,
    state INTEGER,              -- 0 printed, 1 active, 2 void
    held INTEGER NOT NULL DEFAULT 0, -- 1 by changeOrders, 2 by a quarantine, 3 by both
    purpose INTEGER,            -- of a credit: 0 exchange, 1 refund; the three after it are null where it is
    credit INTEGER,             -- units
    at INTEGER,                 -- of the first claim
    paid INTEGER                -- null until then
  );
  ${batchTables}
  ${bookTables}
  CREATE TABLE progress (
    tail INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    erased INTEGER NOT NULL,    -- before it no row has a key or a reply
    orders INTEGER NOT NULL,
    orders_served INTEGER NOT NULL,
    cards INTEGER NOT NULL,
    units INTEGER NOT NULL,
    spent INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    released INTEGER NOT NULL
  );
  INSERT INTO progress VALUES (1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
`;

export const kinds = { accept: 0, settle: 1, giveBack: 2, open: 3 } as const;
export type Kind = (typeof kinds)[keyof typeof kinds];

export interface CardRow {
  readonly slot: number;
  readonly id: string;
  readonly message: Uint8Array;
  readonly key_id: string;
  readonly master: Uint8Array;
  readonly protocol: string;
  readonly scheme: Uint8Array;
  readonly expires: number;
  readonly state: Uint8Array;
  readonly version: number;
  readonly seq: number;
}

export interface JournalRow {
  readonly seq: number;
  readonly slot: number;
  readonly kind: Kind;
  readonly claim: number;
  readonly end: number;
  readonly units: number;
  readonly kept: number;
  readonly tag: string;
  readonly proof: Uint8Array;
  readonly safe: number;
  readonly key: Uint8Array | null;
  readonly reply: Uint8Array | null;
  readonly at: number;
  readonly challenge_expires: number;
  readonly route: number;
  readonly idempotency: Uint8Array | null;
}

/** A row of a claim's acceptance, beside what became of it. */
export interface ClaimRow extends JournalRow {
  readonly now_kept: number;
  readonly resolved: number | null;
  readonly resolved_kind: Kind | null;
  readonly resolved_reply: Uint8Array | null;
}

/** What a purge asks of a journal row. */
export interface StretchRow extends Pick<
  JournalRow,
  'seq' | 'slot' | 'kind' | 'claim' | 'end' | 'at' | 'challenge_expires' | 'route'
> {
  /** 1 if it has a key or a reply. */
  readonly secret: number;
}

/** What became of a claim. */
export interface FateRow {
  readonly resolved: number | null;
  readonly kept: number;
  readonly kind: Kind | null;
}

export interface OrderRow {
  readonly id: string;
  readonly items: Uint8Array;
  readonly digest: string | null;
  readonly signatures: Uint8Array | null;
  readonly batch: number | null;
  readonly serial: number | null;
  readonly state: number | null;
  readonly held: number;
  readonly purpose: number | null;
  readonly credit: number | null;
  readonly at: number | null;
  readonly paid: number | null;
  /** Of the batch. */
  readonly expires: number | null;
}

export interface GroupRow {
  readonly last: number;
  readonly link: Uint8Array;
  readonly purged: number;
}

/** What a purge asks of the rows of a group. */
export interface GroupAge {
  /** The time of its oldest row; null if it has none. */
  readonly oldest: number | null;
  /** 1 if a row of it is to stay. */
  readonly young: number | null;
}

export interface BatchRow {
  readonly number: number;
  readonly label: string;
  readonly items: Uint8Array;
  readonly created: number;
  readonly expires: number;
  readonly printed: number;
  readonly active: number;
  readonly void: number;
  readonly redeemed: number;
}

/** Of a code in its batch. */
export interface CodeRow {
  readonly serial: number;
  readonly state: number;
  /** 1 if it is. */
  readonly served: number;
}

export interface ProgressRow {
  readonly tail: number;
  readonly seq: number;
  readonly erased: number;
  readonly orders: number;
  readonly orders_served: number;
  readonly cards: number;
  readonly units: number;
  readonly spent: number;
  readonly settled: number;
  readonly pending: number;
  readonly released: number;
}

/** A number of 32 bits by which a tag is looked up; tags that share it are told apart by the journal. */
export function hashTag(tag: string): number {
  let hash = 0;
  for (let i = 0; i < tag.length; i++) hash = (Math.imul(hash, 31) + tag.charCodeAt(i)) | 0;
  return hash;
}
