import Database from 'better-sqlite3';
import type { CardId, OpenedCard } from '../../src/core/card.js';
import type { CardState, Spending } from '../../src/core/card-state.js';
import { ImpulsError } from '../../src/core/errors.js';
import type { ClaimRecord, Totals } from '../../src/server/ledger.js';

interface Row {
  readonly seq: number;
  readonly id: CardId;
  readonly kind: 0 | 1 | 2;
  readonly claim: number;
  readonly end: number;
  readonly units: number;
  readonly kept: number;
  readonly tag: string;
  readonly proof: Uint8Array | null;
}

export interface Replayed {
  readonly states: ReadonlyMap<CardId, CardState>;
  readonly claims: ReadonlyMap<string, Pick<ClaimRecord, 'status' | 'kept'>>;
  readonly totals: Pick<Totals, 'spent' | 'claims'>;
}

/**
 * Replays the journal of a closed ledger by the rules of the protocols, every claim checked as if it arrived now, so that
 * a unit held twice, or a claim recorded twice, shows.
 *
 * @param cards as they were opened
 */
export function replayJournal(path: string, cards: ReadonlyMap<CardId, OpenedCard>): Replayed {
  const db = new Database(path, { readonly: true });
  const rows = db
    .prepare('SELECT j.*, c.id FROM journal j JOIN cards c USING (slot) WHERE j.kind < 3 ORDER BY j.seq')
    .all();
  db.close();
  const states = new Map([...cards].map(([id, card]) => [id, card.state]));
  const claims = new Map<string, Pick<ClaimRecord, 'status' | 'kept'>>();
  const accepted = new Map<number, Row & Spending>();
  for (const { proof, ...rest } of rows as Row[]) {
    const row = { ...rest, proof: new Uint8Array(proof ?? []) };
    const { scheme } = cards.get(row.id)!;
    const state = states.get(row.id)!;
    if (row.kind === 0) {
      const taken = scheme.take(state, row);
      if (taken.verdict !== 'accepted') throw corrupt(`${row.tag} is ${taken.verdict}`);
      if (claims.has(row.tag)) throw corrupt(`${row.tag} is there twice`);
      accepted.set(row.seq, row);
      claims.set(row.tag, { status: 'interrupted', kept: row.kept });
      states.set(row.id, scheme.giveBack(taken.next, row, row.units, row.kept));
      continue;
    }
    const claim = accepted.get(row.claim);
    if (!claim) throw corrupt(`row ${row.seq} resolves what was never accepted`);
    if (row.kind === 2) states.set(row.id, scheme.giveBack(state, claim, claim.kept, row.kept));
    const status = row.kind === 2 && row.kept === 0 ? 'released' : 'settled';
    claims.set(claim.tag, { status, kept: row.kept });
  }
  return { states, claims, totals: sumUp(states, claims) };
}

function corrupt(message: string): ImpulsError {
  return new ImpulsError('storage-corrupt', message);
}

function sumUp(states: Replayed['states'], claims: Replayed['claims']): Replayed['totals'] {
  const count = (status: string) => [...claims.values()].filter((claim) => claim.status === status).length;
  return {
    spent: [...states.values()].reduce((sum, state) => sum + state.spent, 0),
    claims: { settled: count('settled'), pending: count('interrupted'), released: count('released') },
  };
}
