import type { FilmState } from 'impuls/client/hls';
import { formatCount, formatSpan, formatUnits, formatWorth } from '../common/money.js';

/** What the film costs, as it plays. Not announced: it changes several times a second. */
export function Meter({ film, cap }: { readonly film: FilmState; readonly cap: number }) {
  const { units, worth, unitsPerMinute, left, leftWorth, paidAheadSeconds } = film;
  return (
    <div class="meter" data-units={units} data-left={left} data-ahead={paidAheadSeconds.toFixed(2)}>
      <dl>
        <div>
          <dt>Spent</dt>
          <dd>{formatUnits(units)}</dd>
          <dd class="faint">{worth === undefined ? ' ' : formatWorth(worth)}</dd>
        </div>
        <div>
          <dt>Per minute</dt>
          <dd>{unitsPerMinute === undefined ? '–' : formatUnits(Math.round(unitsPerMinute))}</dd>
          <dd class="faint">{rateOf(film)}</dd>
        </div>
        <div>
          <dt>Left</dt>
          <dd>{left === undefined ? '–' : formatUnits(left)}</dd>
          <dd class="faint">{leftWorth === undefined ? ' ' : formatWorth(leftWorth)}</dd>
        </div>
        <div>
          <dt>Paid ahead</dt>
          <dd>{`${Math.max(0, paidAheadSeconds).toFixed(0)} s`}</dd>
          <dd class="faint">{lastsOf(film)}</dd>
        </div>
      </dl>
      <meter min={0} max={Math.max(1, cap)} value={Math.min(units, cap)} aria-label="Spent of the cap" />
      <p class="faint">
        {formatCount(units)} of at most {formatUnits(cap)} for this film
      </p>
    </div>
  );
}

function rateOf({ unitsPerMinute, units, worth }: FilmState): string {
  if (unitsPerMinute === undefined || worth === undefined || units === 0) return ' ';
  const [amount = '', currency = ''] = worth.split(' ');
  const rate = (Number(amount) / units) * unitsPerMinute;
  return formatWorth(`${Number(rate.toPrecision(2))} ${currency}`);
}

function lastsOf({ unitsPerMinute, left }: FilmState): string {
  if (!unitsPerMinute || !left) return ' ';
  return `card lasts ${formatSpan((60 * left) / unitsPerMinute)}`;
}
