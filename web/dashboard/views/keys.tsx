import { computeLiability, dayOf } from 'impuls/server';
import { useMemo } from 'preact/hooks';
import { formatCount, formatUnits } from '../../common/money.js';
import type { State } from '../api.js';
import type { Data } from '../data.js';
import { lastDay, worth } from '../words.js';

type Key = State['keys']['cards'][number];

/** The issuing keys: each is an epoch of cards of one denomination. */
export function Keys({ data }: { readonly data: Data }) {
  const { state, movements } = data;
  const { keys, now, vendor } = state;
  const left = useMemo(() => {
    const terms = { ...keys, cards: keys.cards.map((key) => ({ ...key, n: '' })) };
    return new Map(computeLiability(movements, terms, dayOf(now)).keys.map((key) => [key.key, key]));
  }, [movements, keys, now]);
  const issued = (id: string): number =>
    movements.reduce(
      (sum, { key, kind, count }) =>
        key === id && (kind === 'issued' || kind === 'reissued') ? sum + count : sum,
      0,
    );
  const newestFirst = [...keys.cards].sort(
    (a, b) => a.denomination - b.denomination || b.notBefore - a.notBefore,
  );
  return (
    <>
      <p class="faint">
        Each key signs the cards of one denomination for a year. Run <code>impuls keys rotate</code> for the
        next one.
      </p>
      <ul class="keys">
        {newestFirst.map((key) => {
          const { status, ends } = statusOf(key, state);
          const { unopened = 0, cards = 0 } = left.get(key.id) ?? {};
          return (
            <li key={key.id} class="sheet">
              <div class="row spread">
                <h2>{formatUnits(key.denomination)}</h2>
                <span class={`badge ${status}`}>{statusWords[status]}</span>
              </div>
              <dl class="facts">
                <div>
                  <dt>Epoch</dt>
                  <dd>{key.epoch}</dd>
                </div>
                <div>
                  <dt>{status === 'issuing' ? 'Sells until' : 'Sold until'}</dt>
                  <dd>{lastDay(ends)}</dd>
                </div>
                <div>
                  <dt>Cards good until</dt>
                  <dd>{lastDay(key.expires)}</dd>
                </div>
                <div>
                  <dt>Cards issued</dt>
                  <dd>{formatCount(issued(key.id))}</dd>
                </div>
                <div>
                  <dt>Left on them</dt>
                  <dd>
                    {worth(unopened + cards, vendor.unit)}{' '}
                    <span class="faint">{formatCount(unopened + cards)}</span>
                  </dd>
                </div>
                <div>
                  <dt>Key</dt>
                  <dd>
                    <code>{key.id.slice(0, 8)}</code>
                  </dd>
                </div>
              </dl>
            </li>
          );
        })}
      </ul>
    </>
  );
}

const statusWords = {
  coming: 'to come',
  issuing: 'selling',
  verifying: 'accepting',
  expired: 'expired',
  revoked: 'revoked',
} as const;

function statusOf(
  { id, notBefore, notAfter, expires }: Key,
  { keys, now }: State,
): { readonly status: keyof typeof statusWords; readonly ends: number } {
  const revoked = keys.revoked.find((entry) => entry.id === id);
  const ends = Math.min(notAfter, revoked?.time ?? Infinity);
  if (now >= expires) return { status: 'expired', ends };
  if (revoked && now >= revoked.time) return { status: 'revoked', ends };
  if (now < notBefore) return { status: 'coming', ends };
  return { status: now < ends ? 'issuing' : 'verifying', ends };
}
