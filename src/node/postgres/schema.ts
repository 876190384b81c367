/**
 * The tables. What is counted or numbered elsewhere as u32 is a bigint here. Names of keys, cards, tags and orders are text that
 * is compared byte by byte.
 *
 * - `cards`: one row a card, with its newest state and no other. `state` as `encodeState` writes it, secret.
 * - `claims`: by card and end. `status` 0 pending, 1 settled, 2 released. `instance`: the ledger that accepted it: when that is
 *   gone, what is pending is interrupted. `route` a number of `routes`, 0 for none. `key` and `reply` are secret.
 * - `instances`: the ledgers that are open. One that has not said for longer than its lease that it lives is gone.
 * - `orders`: `state` 0 printed, 1 active, 2 void; `purpose` 0 exchange, 1 refund of those that claims fill with `credit` units.
 * - `sums`: the books, and under day 0 what else is counted: '#orders', '#served', '#pending', '#settled', '#released', and the
 *   codes of a batch, whose number is the key: '#printed', '#active', '#void', '#redeemed'. A sum is that over all shards,
 *   so that those who write at once write different rows.
 */
export const schemaVersion = 1;

/** Statements that make each version of the one before. @param of the schema's name, quoted */
export const migrations: ReadonlyArray<(schema: string, partitions: number) => readonly string[]> = [
  firstVersion,
];

const name = 'text COLLATE "C"';
/** Rows that change leave dead ones behind, which hold old states until they are vacuumed. */
const vacuumed = 'autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000';

function firstVersion(schema: string, partitions: number): readonly string[] {
  const table = (of: string, columns: string, by: string, options: string): string[] => {
    const made = `CREATE TABLE ${schema}.${of} (${columns})`;
    if (partitions === 1) return [`${made} WITH (${options})`];
    const parts = Array.from(
      { length: partitions },
      (_, i) =>
        `CREATE TABLE ${schema}.${of}_${i} PARTITION OF ${schema}.${of}
         FOR VALUES WITH (MODULUS ${partitions}, REMAINDER ${i}) WITH (${options})`,
    );
    return [`${made} PARTITION BY HASH (${by})`, ...parts];
  };
  const cards = `
    id ${name} PRIMARY KEY,
    key_id ${name} NOT NULL,
    message bytea NOT NULL,
    master bytea NOT NULL,
    protocol ${name} NOT NULL,
    scheme bytea NOT NULL,
    expires bigint NOT NULL,
    version integer NOT NULL,
    state bytea NOT NULL`;
  const claims = `
    card ${name} NOT NULL,
    upto bigint NOT NULL,
    tag ${name} NOT NULL,
    units bigint NOT NULL,
    kept bigint NOT NULL,
    status smallint NOT NULL,
    safe boolean NOT NULL,
    route integer NOT NULL,
    instance bigint NOT NULL,
    accepted_at bigint NOT NULL,
    challenge_expires bigint NOT NULL,
    proof bytea NOT NULL,
    key bytea,
    name ${name},
    print ${name},
    reply bytea,
    PRIMARY KEY (card, upto, tag)`;
  return [
    ...table('cards', cards, 'id', `fillfactor = 70, ${vacuumed}`),
    ...table('claims', claims, 'card', `fillfactor = 90, ${vacuumed}`),
    `CREATE INDEX ON ${schema}.claims (card, name) WHERE name IS NOT NULL`,
    `CREATE INDEX ON ${schema}.claims (accepted_at) WHERE ${hasSecrets}`,
    `CREATE INDEX ON ${schema}.claims (accepted_at) WHERE ${hasNoSecrets}`,
    `CREATE TABLE ${schema}.instances (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      until timestamptz NOT NULL)`,
    `CREATE TABLE ${schema}.routes (number integer PRIMARY KEY, name ${name} NOT NULL UNIQUE)`,
    `CREATE TABLE ${schema}.sums (
      shard integer NOT NULL,
      day bigint NOT NULL,
      kind ${name} NOT NULL,
      key ${name} NOT NULL,
      route integer NOT NULL,
      count bigint NOT NULL,
      units bigint NOT NULL,
      PRIMARY KEY (shard, day, kind, key, route)) WITH (fillfactor = 50)`,
    `CREATE TABLE ${schema}.batches (
      number bigint PRIMARY KEY,
      label text NOT NULL,
      items bytea NOT NULL,
      created bigint NOT NULL,
      expires bigint NOT NULL,
      codes bigint NOT NULL)`,
    `CREATE TABLE ${schema}.orders (
      id ${name} PRIMARY KEY,
      items bytea NOT NULL,
      state smallint NOT NULL,
      stopped boolean NOT NULL DEFAULT false,
      isolated boolean NOT NULL DEFAULT false,
      digest ${name},
      signatures bytea,
      batch bigint,
      serial bigint,
      purpose smallint,
      credit bigint,
      at bigint,
      paid bigint) WITH (${vacuumed})`,
    `CREATE INDEX ON ${schema}.orders (batch, serial) WHERE batch IS NOT NULL`,
    `CREATE INDEX ON ${schema}.orders (at) WHERE purpose = 1`,
    `CREATE TABLE ${schema}.quarantine (key ${name} PRIMARY KEY)`,
  ];
}

/** Of claims: what a purge erases. */
export const hasSecrets = '(key IS NOT NULL OR name IS NOT NULL OR reply IS NOT NULL)';
export const hasNoSecrets = '(key IS NULL AND name IS NULL AND reply IS NULL)';
