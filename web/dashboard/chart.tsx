import { useEffect, useId, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { formatCount } from '../common/money.js';
import type { Plot } from './figures.js';

interface Props {
  readonly title: string;
  readonly plot: Plot;
  /** `bars`: what happened in each span, `areas`: what there was at its end, one upon another. `lines`: to be compared. */
  readonly kind: 'bars' | 'areas' | 'lines';
  /** `days` are of UTC, as the books are; `hours` of the place where the page is looked at. */
  readonly clock: 'days' | 'hours';
  /** Said of a value: `3 units, $0.003`. */
  readonly describe: (value: number) => string;
  /** Said where there is nothing to be seen. */
  readonly empty: string;
  /** One sentence beneath the title. */
  readonly note?: string;
  /** The first colour of the chart; default 0. */
  readonly colours?: number;
  readonly wide?: true;
}

const height = 220;
const colourCount = 6;

/** What a chart says, and a table of the same for those who cannot see it, or want to know exactly. */
export function Chart(props: Props) {
  const { title, plot, describe, empty, note, clock, wide, colours = 0 } = props;
  const id = useId();
  const lines = plot.lines
    .map((line, i) => ({ ...line, colour: (colours + i) % colourCount }))
    .filter(({ values }) => values.some((value) => value !== 0));
  return (
    <section class={`sheet chart${wide ? ' wide' : ''}`} aria-labelledby={id}>
      <div>
        <h2 id={id}>{title}</h2>
        {note && <p class="faint small">{note}</p>}
      </div>
      {lines.length === 0 ? (
        <p class="nothing faint">{empty}</p>
      ) : (
        <>
          <ul class="legend">
            {lines.map(({ label, colour }) => (
              <li key={label}>
                <span class={`swatch c${colour}`} aria-hidden="true" />
                {label}
              </li>
            ))}
          </ul>
          <Canvas {...props} lines={lines} />
          <details>
            <summary>Table</summary>
            <div class="scroll" tabIndex={0} role="region" aria-label={`${title}, as a table`}>
              <table>
                <thead>
                  <tr>
                    <th scope="col">{clock === 'days' ? 'From' : 'Time'}</th>
                    {lines.map(({ label }) => (
                      <th key={label} scope="col" class="number">
                        {label}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {plot.times
                    .map((time, i) => ({ time, values: lines.map(({ values }) => values[i] ?? 0) }))
                    .filter(({ values }) => values.some((value) => value !== 0))
                    .reverse()
                    .map(({ time, values }) => (
                      <tr key={time}>
                        <th scope="row">{nameTime(time, clock)}</th>
                        {values.map((value, i) => (
                          <td key={i} class="number" title={describe(value)}>
                            {formatCount(value)}
                          </td>
                        ))}
                      </tr>
                    ))}
                </tbody>
              </table>
            </div>
          </details>
        </>
      )}
    </section>
  );
}

interface ColouredLine {
  readonly label: string;
  readonly values: readonly number[];
  readonly colour: number;
}

interface Pointed {
  readonly index: number;
  readonly left: number;
}

function Canvas({
  title,
  plot,
  kind,
  clock,
  describe,
  lines,
}: Props & { readonly lines: readonly ColouredLine[] }) {
  const place = useRef<HTMLDivElement>(null);
  const [pointed, setPointed] = useState<Pointed>();
  const scheme = useColourScheme();
  // New objects with the same values are no reason to draw again, nor to take a tip away.
  const drawn = JSON.stringify([plot.times, lines, kind, clock]);

  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const chart = new uPlot(
      optionsOf(plot, kind, clock, lines, element.clientWidth, setPointed),
      dataOf(plot.times, lines, kind),
      element,
    );
    // It is a picture: the section is named, and the table says what is in it.
    element.querySelector('.uplot')?.setAttribute('aria-hidden', 'true');
    const resized = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      chart.destroy();
    };
  }, [drawn, scheme]);

  const time = pointed && plot.times[pointed.index];
  return (
    <div class="plot" ref={place} role="img" aria-label={`${title}: a chart; the table below says the same`}>
      {pointed && time !== undefined && (
        <div
          class={`tip${pointed.left > (place.current?.clientWidth ?? 0) / 2 ? ' left' : ''}`}
          ref={(tip) => tip?.style.setProperty('--at', `${pointed.left}px`)}
        >
          <strong>{nameSpan(time, plot.step, clock, kind)}</strong>
          {lines.map(({ label, values, colour }) => (
            <span key={label}>
              <span class={`swatch c${colour}`} /> {label} <b>{describe(values[pointed.index] ?? 0)}</b>
            </span>
          ))}
        </div>
      )}
    </div>
  );
}

/** Stacks are drawn from the top downwards, so that each covers what is beneath it. */
function dataOf(
  times: readonly number[],
  lines: readonly ColouredLine[],
  kind: Props['kind'],
): uPlot.AlignedData {
  if (kind === 'lines') {
    return [[...times], ...lines.map(({ values }) => [...values]).reverse()] as uPlot.AlignedData;
  }
  const sums = times.map(() => 0);
  const heights = lines.map(({ values }) => values.map((value, i) => (sums[i] = (sums[i] ?? 0) + value)));
  return [[...times], ...heights.reverse()] as uPlot.AlignedData;
}

function optionsOf(
  { step }: Plot,
  kind: Props['kind'],
  clock: Props['clock'],
  lines: readonly ColouredLine[],
  width: number,
  onPoint: (pointed: Pointed | undefined) => void,
): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const font = `12px ${style.fontFamily}`;
  const ticks = { show: false };
  const bars = uPlot.paths.bars!({ size: [0.72, 32], radius: 0.12 });
  const straight = uPlot.paths.linear!();
  return {
    width,
    height,
    padding: [8, kind === 'bars' ? 8 : 20, 0, 0],
    legend: { show: false },
    ...(clock === 'days' && { tzDate: (seconds: number) => uPlot.tzDate(new Date(seconds * 1000), 'UTC') }),
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: false, y: false },
    },
    scales: {
      x: {
        range: (_chart, from, to) =>
          kind === 'bars' ? [from - step / 2, to + step / 2] : [from, Math.max(to, from + step)],
      },
      y: { range: (_chart, _from, to) => [0, to > 0 ? to * 1.05 : 1] },
    },
    axes: [
      {
        stroke: colour('--faint'),
        font,
        grid: { show: false },
        ticks,
        size: 28,
        gap: 6,
        space: clock === 'days' ? 64 : 84,
        values: (_chart, times) => times.map((time) => nameTick(time, clock)),
        ...(clock === 'days' && { incrs: [1, 2, 7, 14, 28, 56, 91].map((days) => days * 86_400) }),
      },
      {
        stroke: colour('--faint'),
        font,
        grid: { stroke: colour('--line'), width: 1 },
        ticks,
        size: 52,
        gap: 6,
        space: 40,
        values: (_chart, values) => values.map((value) => short.format(value)),
        incrs: wholeSteps,
      },
    ],
    series: [
      {},
      ...[...lines].reverse().map((line): uPlot.Series => {
        const fill = colour(`--c${line.colour}`);
        const points = { show: false };
        if (kind === 'bars') return { label: line.label, fill, stroke: fill, width: 0, paths: bars, points };
        if (kind === 'lines') return { label: line.label, stroke: fill, width: 2, paths: straight, points };
        return { label: line.label, fill, stroke: colour('--sheet'), width: 1, paths: straight, points };
      }),
    ],
    hooks: {
      setCursor: [
        ({ cursor: { idx, left = -1 }, bbox }) =>
          onPoint(
            idx === null || idx === undefined || left < 0
              ? undefined
              : { index: idx, left: left + bbox.left / devicePixelRatio },
          ),
      ],
    },
  };
}

/** Units and calls come whole. */
const wholeSteps = Array.from({ length: 13 }, (_, i) => 10 ** i).flatMap((power) => [
  power,
  2 * power,
  5 * power,
]);

const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });
const dayFormat = new Intl.DateTimeFormat('en-US', { month: 'short', day: 'numeric', timeZone: 'UTC' });
const longDay = new Intl.DateTimeFormat('en-US', { dateStyle: 'medium', timeZone: 'UTC' });
const hourFormat = new Intl.DateTimeFormat('en-US', { weekday: 'short', hour: 'numeric' });
const longHour = new Intl.DateTimeFormat('en-US', { weekday: 'short', hour: 'numeric', minute: '2-digit' });

function nameTick(time: number, clock: Props['clock']): string {
  return (clock === 'days' ? dayFormat : hourFormat).format(time * 1000);
}

function nameTime(time: number, clock: Props['clock']): string {
  return (clock === 'days' ? longDay : longHour).format(time * 1000);
}

function nameSpan(time: number, step: number, clock: Props['clock'], kind: Props['kind']): string {
  if (clock === 'hours' || kind === 'areas' || step <= 86_400) return nameTime(time, clock);
  return longDay.formatRange(time * 1000, (time + step - 1) * 1000);
}

function useColourScheme(): boolean {
  const query = '(prefers-color-scheme: dark)';
  const [isDark, setDark] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const changed = (): void => setDark(media.matches);
    media.addEventListener('change', changed);
    return () => media.removeEventListener('change', changed);
  }, []);
  return isDark;
}
