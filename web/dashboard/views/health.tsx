import { formatCount, formatMoment, formatSpan } from '../../common/money.js';
import type { Data } from '../data.js';
import { countActivity } from '../figures.js';
import { nameActivity } from '../words.js';
import { Checkup } from './checkup.js';
import { Trouble } from './trouble.js';

/** Whether all is well: the server, and what it was asked. */
export function Health({ data }: { readonly data: Data }) {
  const { server, totals, now } = data.state;
  return (
    <div class="charts">
      <section class="sheet" aria-labelledby="server-title">
        <h2 id="server-title">Server</h2>
        {server ? (
          <dl class="facts">
            <div>
              <dt>Running for</dt>
              <dd>{formatSpan(Math.max(1, now - server.since))}</dd>
            </div>
            <div>
              <dt>Since</dt>
              <dd>{formatMoment(server.since * 1000)}</dd>
            </div>
          </dl>
        ) : (
          <p>
            No server runs on this folder: nobody can pay or redeem. Start it with{' '}
            <code>impuls vendor serve</code>.
          </p>
        )}
      </section>
      {server && <Guessing failures={server.failures} />}
      <section class="sheet" aria-labelledby="ledger-title">
        <h2 id="ledger-title">Ledger</h2>
        <dl class="facts">
          <div>
            <dt>Vouchers made</dt>
            <dd>{formatCount(totals.orders)}</dd>
          </div>
          <div>
            <dt>Vouchers redeemed</dt>
            <dd>{formatCount(totals.ordersServed)}</dd>
          </div>
          <div>
            <dt>Cards activated</dt>
            <dd>{formatCount(totals.cards)}</dd>
          </div>
          <div>
            <dt>Payments kept</dt>
            <dd>{formatCount(totals.claims.settled + totals.claims.pending)}</dd>
          </div>
          <div>
            <dt>Payments given back</dt>
            <dd>{formatCount(totals.claims.released)}</dd>
          </div>
        </dl>
      </section>
      {server && <Answers server={server} />}
      <Trouble data={data} wide />
      <Checkup data={data} />
    </div>
  );
}

type Server = NonNullable<Data['state']['server']>;

function Guessing({ failures }: { readonly failures: Server['failures'] }) {
  const { level, limit, blockedSources, failed, refused } = failures;
  return (
    <section class="sheet" aria-labelledby="guessing-title">
      <h2 id="guessing-title">Wrong codes</h2>
      <meter
        value={level}
        max={limit}
        aria-label={`${formatCount(Math.ceil(level))} of ${formatCount(limit)} wrong codes before all are stopped`}
      />
      <dl class="facts">
        <div>
          <dt>Now, of {formatCount(limit)}</dt>
          <dd>{formatCount(Math.ceil(level))}</dd>
        </div>
        <div>
          <dt>Sources stopped now</dt>
          <dd>{formatCount(blockedSources)}</dd>
        </div>
        <div>
          <dt>Tried since the start</dt>
          <dd>{formatCount(failed)}</dd>
        </div>
        <div>
          <dt>Attempts refused</dt>
          <dd>{formatCount(refused)}</dd>
        </div>
      </dl>
    </section>
  );
}

function Answers({ server }: { readonly server: Server }) {
  const counts = countActivity(server.activity);
  return (
    <section class="sheet" aria-labelledby="answers-title">
      <h2 id="answers-title">Answered in the last two days</h2>
      {counts.length === 0 ? (
        <p class="faint">Nothing yet.</p>
      ) : (
        <dl class="facts">
          {counts.map(([kind, count]) => (
            <div key={kind}>
              <dt>{nameActivity(kind)}</dt>
              <dd>{formatCount(count)}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}
