import type { IssuingKey, KeyDocument } from 'impuls';
import type { ActivitySlot, Batch, FailureGauge, Movement, Totals } from 'impuls/server';

export type Unit = KeyDocument['unit'];

/** What the server of the dashboard says. Times are Unix seconds. */
export interface State {
  readonly now: number;
  readonly vendor: {
    readonly name: string;
    readonly origin: string;
    readonly unit: Unit;
    readonly mode: 'test' | 'live';
  };
  readonly keys: Pick<KeyDocument, 'policy'> & {
    readonly cards: readonly Omit<IssuingKey, 'n'>[];
    readonly revoked: NonNullable<KeyDocument['revoked']>;
  };
  readonly batches: readonly Batch[];
  /** Oldest first. */
  readonly refunds: readonly RefundSum[];
  /** Whether a restore from a backup holds cards and vouchers. */
  readonly quarantined: boolean;
  readonly totals: Totals;
  /** Absent where no server runs. */
  readonly server?: {
    readonly since: number;
    readonly failures: FailureGauge;
    readonly activity: readonly ActivitySlot[];
  };
}

export interface RefundSum {
  readonly units: number;
  /** Unix seconds. */
  readonly at: number;
  /** When it was paid out. */
  readonly paid?: number;
  readonly held?: true;
}

/** One thing that `impuls doctor` looked at. */
export interface Check {
  readonly name: string;
  readonly verdict: 'ok' | 'warn' | 'fail';
  readonly what: string;
  readonly next?: string;
}

export interface NewBatch {
  /** Units of each card. */
  readonly units: number;
  /** Cards of each code. */
  readonly cards: number;
  /** How many codes. */
  readonly count: number;
  readonly label: string;
  /** Unix seconds. */
  readonly expires: number;
}

export interface CodeChange {
  readonly batch: number;
  readonly from: number;
  readonly to: number;
  readonly state: 'active' | 'void';
}

export interface Api {
  state(): Promise<State>;
  movements(): Promise<readonly Movement[]>;
  checks(): Promise<readonly Check[]>;
  /** @returns the codes as a file, secret */
  createBatch(batch: NewBatch): Promise<{ readonly batch: number; readonly csv: string }>;
  /** @returns how many changed */
  changeCodes(change: CodeChange): Promise<number>;
  /** @param reference as the wallet shows it */
  findRefund(reference: string): Promise<RefundSum>;
  payRefund(reference: string): Promise<'paid' | 'repeated'>;
  /** @param serials such as `1-100,150`; all if empty @returns a PDF */
  printSheets(csv: string | Blob, paper: 'a4' | 'letter', serials: string): Promise<Blob>;
}

/** A refusal, as the page shows it. */
export class ApiError extends Error {
  /** 0 where nobody answered. */
  readonly status: number;
  /** The next move. */
  readonly hint: string;

  constructor(status: number, message: string, hint: string) {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}

export function createApi(token: string): Api {
  async function call(method: string, path: string, body?: string | Blob): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(path, {
        method,
        headers: { Authorization: `Bearer ${token}` },
        ...(body !== undefined && { body }),
      });
    } catch {
      throw new ApiError(0, 'The dashboard has stopped.', 'Start it again: impuls vendor dashboard.');
    }
    if (response.ok) return response;
    const { error } = (await response.json().catch(() => ({}))) as {
      readonly error?: { readonly message: string; readonly hint?: string };
    };
    throw new ApiError(
      response.status,
      sentence(error?.message ?? 'the dashboard could not do it'),
      error?.hint ?? 'Try again.',
    );
  }
  const ask = async <T>(path: string): Promise<T> => (await (await call('GET', path)).json()) as T;
  const tell = async <T>(path: string, value: object): Promise<T> =>
    (await (await call('POST', path, JSON.stringify(value))).json()) as T;
  return {
    state: () => ask('/api/state'),
    movements: async () => (await ask<{ movements: Movement[] }>('/api/books')).movements,
    checks: async () => (await ask<{ checks: Check[] }>('/api/health')).checks,
    createBatch: (batch) => tell('/api/batches', batch),
    changeCodes: async (change) => (await tell<{ changed: number }>('/api/codes', change)).changed,
    findRefund: (reference) => tell('/api/refunds/find', { reference }),
    payRefund: async (reference) =>
      (await tell<{ outcome: 'paid' | 'repeated' }>('/api/refunds/pay', { reference })).outcome,
    async printSheets(csv, paper, serials) {
      const query = new URLSearchParams({ paper, ...(serials !== '' && { serials }) });
      return (await call('POST', `/api/sheets?${query}`, csv)).blob();
    },
  };
}

function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
