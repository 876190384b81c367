import type { CardSummary, Payment, Refund } from 'impuls/client';
import { useState } from 'preact/hooks';
import { describeLasting } from '../../common/lasts.js';
import { addWorths, formatCount, formatDay, formatUnits, formatWorth, plural } from '../../common/money.js';
import { explain, type Problem } from '../../common/problems.js';
import type { Snapshot, Store } from '../store.js';
import type { VendorFace } from '../vendor.js';
import { ProblemNotice } from './notices.js';
import { notBackedUp } from '../backup-state.js';
import { Giving } from './giving.js';
import { Redeem } from './redeem.js';
import { Refunds } from './refunds.js';

interface Props {
  readonly store: Store;
  readonly snapshot: Snapshot;
  readonly vendor: VendorFace;
  readonly code?: string;
}

export function Cards({ store, snapshot, vendor, code }: Props) {
  const { cards, history, unsaved } = snapshot;
  const [refund, setRefund] = useState<Refund>();
  const usable = cards.filter(({ status }) => status === 'ready' || status === 'active');
  const others = cards.filter((card) => !usable.includes(card));
  return (
    <>
      {unsaved.length > 0 && (
        <div class="notice warn">
          <p>
            <strong>{notBackedUp(unsaved.length)}.</strong> If this browser loses its data, the money is gone.
          </p>
          <p>
            <a class="button" href="#/backup">
              Back up now
            </a>
          </p>
        </div>
      )}
      {usable.length > 0 ? (
        <Balance cards={usable} history={history} />
      ) : (
        <p class="lead">
          {cards.length === 0
            ? `No cards yet. A voucher for ${vendor.name} becomes a pre-paid card here: no account, no bank, and the vendor cannot tell whose card it is.`
            : 'Nothing left to spend. Redeem another voucher to go on.'}
        </p>
      )}
      {usable.length > 0 && (
        <ul class="tiles" aria-label="Cards to pay with">
          {usable.map((card) => (
            <CardTile key={card.id} store={store} card={card} history={history} />
          ))}
        </ul>
      )}
      <Redeem store={store} vendor={vendor} {...(code !== undefined && { code })} />
      <Refunds store={store} {...(refund && { last: refund })} />
      {cards.length > 0 && <Giving store={store} vendor={vendor} onRefund={setRefund} />}
      {others.length > 0 && (
        <details class="others">
          <summary>{plural(others.length, 'card')} used up, expired or refused</summary>
          <ul class="tiles">
            {others.map((card) => (
              <CardTile key={card.id} store={store} card={card} history={history} />
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function Balance({
  cards,
  history,
}: {
  readonly cards: readonly CardSummary[];
  readonly history: readonly Payment[];
}) {
  const left = cards.reduce((sum, card) => sum + card.left, 0);
  const worth = addWorths(cards.map((card) => card.worth));
  const lasting = describeLasting(left, history, Date.now());
  return (
    <section class="balance" aria-label="Balance">
      <p class="amount">
        {formatUnits(left)}
        {worth && <span class="worth"> {formatWorth(worth)}</span>}
      </p>
      <p class="faint">{lasting ?? 'How long it lasts shows once you have paid with it.'}</p>
    </section>
  );
}

const statuses: Readonly<Record<CardSummary['status'], string>> = {
  ready: 'new: no vendor has seen it yet',
  active: 'in use',
  empty: 'used up',
  expired: 'expired',
  refused: 'refused by the vendor',
};

function CardTile({
  store,
  card,
  history,
}: {
  readonly store: Store;
  readonly card: CardSummary;
  readonly history: readonly Payment[];
}) {
  const [problem, setProblem] = useState<Problem>();
  const [said, setSaid] = useState('');
  const { id, vendor, left, units, reserved, worth, expires, status, protocol } = card;
  const paid = history.filter((payment) => payment.card === id).length;
  const over = status === 'empty' || status === 'expired' || status === 'refused';

  async function act(task: () => Promise<unknown>, done: string): Promise<void> {
    setProblem(undefined);
    setSaid('');
    try {
      await task();
      setSaid(done);
    } catch (error) {
      setProblem(explain(error));
    }
  }

  return (
    <li class={`tile ${over ? 'over' : ''}`}>
      <h2>{vendor.name}</h2>
      <p class="amount">
        {formatCount(left)} <span class="of">of {formatUnits(units)}</span>
      </p>
      <meter value={left} max={units} aria-label={`${formatCount(left)} of ${formatUnits(units)} left`} />
      <dl class="facts">
        <div>
          <dt>Worth</dt>
          <dd>{formatWorth(worth)}</dd>
        </div>
        <div>
          <dt>Good until</dt>
          <dd>{formatDay(expires * 1000)}</dd>
        </div>
        <div>
          <dt>Paid with it</dt>
          <dd>{paid === 0 ? 'nothing yet' : plural(paid, 'time')}</dd>
        </div>
      </dl>
      <p class="faint small">
        Card {id.slice(0, 8)}, {protocol}, {statuses[status]}
      </p>
      {reserved > 0 && (
        <p class="held">
          {formatUnits(reserved)} held by payments whose outcome is not known.{' '}
          <button
            type="button"
            class="small"
            onClick={() => void act(() => store.wallet.recover(), 'Asked.')}
          >
            Find out
          </button>
        </p>
      )}
      {status === 'active' && (
        <button
          type="button"
          class="small"
          onClick={() => void act(() => store.wallet.refresh(id), 'The vendor agrees.')}
        >
          Ask the vendor what is left
        </button>
      )}
      {over && (
        <button
          type="button"
          class="small"
          onClick={() => void act(() => store.wallet.forget(id), 'Removed.')}
        >
          Remove
        </button>
      )}
      <p role="status">{said}</p>
      {problem && <ProblemNotice problem={problem} />}
    </li>
  );
}
