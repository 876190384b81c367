import { dayOf } from 'impuls/server';
import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import { formatCount, formatUnits, plural } from '../../common/money.js';
import { Chart } from '../chart.js';
import type { Unit } from '../api.js';
import type { Data } from '../data.js';
import { computeFigures, owedParts, soldUnits, type Figures } from '../figures.js';
import { unitsAndWorth, worth } from '../words.js';
import { Attention } from './attention.js';
import { Trouble } from './trouble.js';

export const periods = [
  [7, '7 days'],
  [30, '30 days'],
  [90, '90 days'],
  [365, 'Year'],
] as const;

interface Props {
  readonly data: Data;
  /** Days. */
  readonly period: number;
}

export function Overview({ data, period }: Props) {
  const { state, movements } = data;
  const { unit } = state.vendor;
  const today = dayOf(state.now);
  const { keys } = state;
  const figures = useMemo(
    // What the books need of an issuing key is among what the page has of it.
    () =>
      computeFigures(
        movements,
        { ...keys, cards: keys.cards.map((key) => ({ ...key, n: '' })) },
        today,
        period,
      ),
    [movements, keys, today, period],
  );
  const describe = (units: number): string => unitsAndWorth(units, unit);
  return (
    <>
      <Attention data={data} />
      <Tiles data={data} figures={figures} period={period} />
      <div class="charts">
        <Chart
          title="Spent by route"
          note={`Units a ${figures.byRoute.step > 86_400 ? 'week' : 'day'}`}
          plot={figures.byRoute}
          kind="bars"
          clock="days"
          describe={describe}
          empty="Nothing was spent in these days."
          wide
        />
        <Owed figures={figures} data={data} />
        <Chart
          title="What is owed"
          note="Units at the end of each day"
          plot={figures.owed}
          kind="areas"
          clock="days"
          describe={describe}
          empty="Nothing is owed: nothing has been sold yet."
        />
        <Chart
          title="Sold and spent"
          note={`Units a ${figures.traded.step > 86_400 ? 'week' : 'day'}`}
          plot={figures.traded}
          kind="lines"
          clock="days"
          describe={describe}
          empty="Nothing was sold or spent in these days."
        />
        <Trouble data={data} />
      </div>
    </>
  );
}

function Tiles({ data, figures, period }: Props & { readonly figures: Figures }) {
  const { unit } = data.state.vendor;
  const { today, period: report, before } = figures;
  const good = today.keys.filter(({ status }) => status === 'good');
  const grace = today.keys.filter(({ status }) => status === 'grace');
  const left = (keys: typeof good): number => keys.reduce((sum, key) => sum + key.unopened + key.cards, 0);
  const inUse = good.reduce((sum, { cards }) => sum + cards, 0);
  return (
    <dl class="figures" aria-label="Figures">
      <Tile name="Sold" units={soldUnits(report)} unit={unit}>
        <Change now={soldUnits(report)} before={before && soldUnits(before)} period={period} />
      </Tile>
      <Tile name="Spent" units={report.totals.spent.units} unit={unit}>
        <Change now={report.totals.spent.units} before={before?.totals.spent.units} period={period} />
      </Tile>
      <Tile name="Liability" units={today.total} unit={unit} strong>
        owed today
      </Tile>
      <Tile name="Active" units={inUse} unit={unit}>
        on cards in use
      </Tile>
      <Tile name="Expired" units={left(grace)} unit={unit}>
        can still be exchanged
      </Tile>
      <Tile name="Breakage" units={today.breakage} unit={unit}>
        never claimed in time
      </Tile>
    </dl>
  );
}

interface TileProps {
  readonly name: string;
  readonly units: number;
  readonly unit: Unit;
  readonly strong?: true;
  readonly children: ComponentChildren;
}

function Tile({ name, units, unit, strong, children }: TileProps) {
  return (
    <div class={`figure${strong ? ' strong' : ''}`}>
      <dt>{name}</dt>
      <dd>
        <strong>{worth(units, unit)}</strong>
        <span>{formatUnits(units)}</span>
        <span class="faint">{children}</span>
      </dd>
    </div>
  );
}

/** Against as many days before. */
function Change({
  now,
  before,
  period,
}: {
  readonly now: number;
  readonly before: number | undefined;
  readonly period: number;
}) {
  const span = period === 365 ? 'a year' : plural(period, 'day');
  if (before === undefined || before <= 0) return <>in {span}</>;
  const percent = Math.round(((now - before) / before) * 100);
  const sign = percent > 0 ? '+' : percent < 0 ? '−' : '±';
  return (
    <>
      <b class={percent < 0 ? 'down' : 'up'}>
        {sign}
        {formatCount(Math.abs(percent))} %
      </b>{' '}
      in {span}
    </>
  );
}

function Owed({ figures, data }: { readonly figures: Figures; readonly data: Data }) {
  const { today } = figures;
  const { unit } = data.state.vendor;
  return (
    <section class="sheet" aria-labelledby="owed-title">
      <h2 id="owed-title">Liability today</h2>
      <div class="shares" aria-hidden="true">
        {owedParts.map(
          ([name], i) =>
            today[name] > 0 && (
              <span
                key={name}
                class={`c${i}`}
                ref={(share) => share?.style.setProperty('flex-grow', String(today[name]))}
              />
            ),
        )}
      </div>
      <dl class="parts">
        {owedParts.map(([name, label], i) => (
          <div key={name}>
            <dt>
              <span class={`swatch c${i}`} aria-hidden="true" />
              {label}
            </dt>
            <dd>
              {worth(today[name], unit)} <span class="faint">{formatCount(today[name])}</span>
            </dd>
          </div>
        ))}
        <div class="sum">
          <dt>Together</dt>
          <dd>
            {worth(today.total, unit)} <span class="faint">{formatCount(today.total)}</span>
          </dd>
        </div>
      </dl>
      {today.keys.length > 0 && (
        <>
          <h3>On cards, by epoch</h3>
          <dl class="parts">
            {today.keys
              .filter(({ status }) => status !== 'over')
              .map(({ key, denomination, epoch, unopened, cards }) => (
                <div key={key}>
                  <dt>
                    {formatUnits(denomination)}, {epoch ?? 'unknown epoch'}
                  </dt>
                  <dd>
                    {worth(unopened + cards, unit)} <span class="faint">{formatCount(unopened + cards)}</span>
                  </dd>
                </div>
              ))}
          </dl>
        </>
      )}
    </section>
  );
}
