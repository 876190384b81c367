/** What of Durable Objects is used here, so that nobody needs the types of the platform to compile. */

export type SqlValue = ArrayBuffer | string | number | null;

export interface ObjectContext {
  readonly storage: {
    readonly sql: {
      exec(query: string, ...values: readonly unknown[]): { toArray(): Record<string, SqlValue>[] };
    };
    transactionSync<T>(work: () => T): T;
    getAlarm(): Promise<number | null>;
    setAlarm(time: number): Promise<void>;
  };
}

/** A binding to a class of Durable Objects, as it is in `env`. */
export interface ObjectNamespace {
  idFromName(name: string): unknown;
  // The platform's type says it with its own brand of ids.
  get(id: never): unknown;
}

/** `DurableObject` of `cloudflare:workers`. */
export type ObjectBase = new (context: never, env: never) => object;

/** Rows of a table that a test or a query names. */
export type Row = Readonly<Record<string, SqlValue>>;

/** The storage of one object: its SQLite. */
export class Store {
  readonly #context: ObjectContext;

  constructor(context: ObjectContext) {
    this.#context = context;
  }

  run(query: string, ...values: readonly unknown[]): Row[] {
    return this.#context.storage.sql.exec(query, ...values).toArray();
  }

  first(query: string, ...values: readonly unknown[]): Row | undefined {
    return this.run(query, ...values)[0];
  }

  /** All of it or nothing. */
  transaction<T>(work: () => T): T {
    return this.#context.storage.transactionSync(work);
  }

  /** Nothing is stored for an object that was only asked. */
  has(table: string): boolean {
    return (
      this.first(`SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = ?`, table) !==
      undefined
    );
  }

  /** A value of the table `meta`. */
  meta(name: string): SqlValue | undefined {
    return this.first('SELECT value FROM meta WHERE name = ?', name)?.['value'];
  }

  setMeta(name: string, value: string | number): void {
    this.run('INSERT OR REPLACE INTO meta VALUES (?, ?)', name, value);
  }

  /** Wakes the object in so many seconds, if nothing wakes it before. */
  async wakeIn(seconds: number): Promise<void> {
    const { storage } = this.#context;
    if ((await storage.getAlarm()) === null) await storage.setAlarm(Date.now() + seconds * 1000);
  }
}

/** A plain Uint8Array of what SQLite gave. */
export function bytesOf(value: SqlValue | undefined): Uint8Array {
  return new Uint8Array(value as ArrayBuffer);
}
