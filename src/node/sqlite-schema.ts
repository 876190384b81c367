/** "impl", in the header of every ledger. */
export const applicationId = 0x696d706c;

/** In the header as SQLite's user_version. A file of a higher one is refused. */
export const schemaVersion = 2;

/** A row counts its codes of each kind; the codes are the orders that name it. */
const batches = `
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

/** What makes a ledger of one version one of the next, by the version before. */
export const migrations: Readonly<Record<number, string>> = {
  1: `
    ALTER TABLE orders ADD COLUMN batch INTEGER;
    ALTER TABLE orders ADD COLUMN serial INTEGER;
    ALTER TABLE orders ADD COLUMN state INTEGER;
    ${batches}
  `,
};

/**
 * `journal` is the truth: one row for everything that happened to a card, never changed but by a purge. It holds no state: the
 * rules of the protocol make the next one from the row, and an earlier state of a generator must not be found. A row of `cards`
 * is the state after the journal's row `seq`; `claims` is the index of what is folded into `cards` that far. `progress`
 * holds the sums up to its `seq`, and `tail`, before which every row is folded.
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
    kind INTEGER NOT NULL,      -- 0 accept, 1 settle, 2 give back
    claim INTEGER NOT NULL,     -- seq of the accepting row
    end INTEGER,
    units INTEGER,
    kept INTEGER NOT NULL,
    tag TEXT,
    proof BLOB,
    safe INTEGER,
    key BLOB,
    reply BLOB,
    at INTEGER NOT NULL,        -- of the claim, in every row
    challenge_expires INTEGER NOT NULL
  );
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
    batch INTEGER,              -- null, as the two after it, for an order without a batch
    serial INTEGER,
    state INTEGER               -- 0 printed, 1 active, 2 void
  );
  ${batches}
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

export const kinds = { accept: 0, settle: 1, giveBack: 2 } as const;
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
  'seq' | 'slot' | 'kind' | 'end' | 'at' | 'challenge_expires'
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
  /** Of the batch. */
  readonly expires: number | null;
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
