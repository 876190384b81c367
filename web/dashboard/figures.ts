import {
  computeLiability,
  computeReport,
  type ActivitySlot,
  type ActivityKind,
  type BookTerms,
  type Liability,
  type Movement,
  type Report,
  type ReportDay,
} from 'impuls/server';

/** The figures of the overview, from the sums of the books. Days are counted since 1970, by UTC. */

const daySeconds = 86_400;
/** More points than this are not seen apart. */
const maxPoints = 120;
const week = 7;

/** Values by time, one after another. */
export interface Line {
  readonly label: string;
  readonly values: readonly number[];
}

export interface Plot {
  /** When each begins, Unix seconds. */
  readonly times: readonly number[];
  /** How long each is, in seconds. */
  readonly step: number;
  readonly lines: readonly Line[];
}

export interface Figures {
  readonly today: Liability;
  readonly period: Report;
  /** As long, just before; absent if the books do not go back that far. */
  readonly before?: Report;
  readonly byRoute: Plot;
  readonly traded: Plot;
  readonly owed: Plot;
}

/** @param today the day @param days how many, with today */
export function computeFigures(
  movements: readonly Movement[],
  terms: BookTerms,
  today: number,
  days: number,
): Figures {
  const first = today - days + 1;
  const period = computeReport(movements, terms, first, today);
  return {
    today: computeLiability(movements, terms, today),
    period,
    // By the day, as the ledger gives them.
    ...((movements[0]?.day ?? today) <= first - days && {
      before: computeReport(movements, terms, first - days, first - 1),
    }),
    byRoute: plotRoutes(period),
    traded: plotTraded(period),
    owed: plotOwed(movements, terms, first, today),
  };
}

/** What is left of sales when what was voided is taken away. */
export function soldUnits({ totals }: Pick<Report, 'totals'>): number {
  return totals.sold.units - totals.withdrawn.units;
}

/** Days, or weeks where days would be too many. */
function spans({ days }: Report): {
  readonly step: number;
  readonly spans: readonly (readonly ReportDay[])[];
} {
  const length = days.length > maxPoints ? week : 1;
  const result: ReportDay[][] = [];
  // From the last day backwards, so that the last span is whole.
  for (let end = days.length; end > 0; end -= length)
    result.unshift(days.slice(Math.max(0, end - length), end));
  return { step: length * daySeconds, spans: result };
}

const maxRoutes = 5;

function plotRoutes(report: Report): Plot {
  const { step, spans: parts } = spans(report);
  const named = report.routes.slice(0, report.routes.length > maxRoutes + 1 ? maxRoutes : maxRoutes + 1);
  const shown = new Set(named.map(({ route }) => route));
  const sum = (part: readonly ReportDay[], isMeant: (route: string) => boolean): number =>
    part.reduce(
      (total, { routes }) =>
        total + routes.reduce((units, one) => units + (isMeant(one.route) ? one.units : 0), 0),
      0,
    );
  const lines = named.map(({ route }) => ({
    label: route === '' ? 'Not classed' : route,
    values: parts.map((part) => sum(part, (one) => one === route)),
  }));
  if (shown.size < report.routes.length) {
    lines.push({ label: 'Others', values: parts.map((part) => sum(part, (one) => !shown.has(one))) });
  }
  return { times: parts.map(startOf), step, lines };
}

function plotTraded(report: Report): Plot {
  const { step, spans: parts } = spans(report);
  const values = (units: (day: ReportDay) => number): number[] =>
    parts.map((part) => part.reduce((sum, day) => sum + units(day), 0));
  return {
    times: parts.map(startOf),
    step,
    lines: [
      { label: 'Sold', values: values(({ sums }) => sums.sold.units - sums.withdrawn.units) },
      { label: 'Spent', values: values(({ sums }) => sums.spent.units) },
    ],
  };
}

export const owedParts = [
  ['cards', 'On cards in use'],
  ['unopened', 'On cards not used yet'],
  ['vouchers', 'Vouchers not redeemed'],
  ['credits', 'Being exchanged'],
  ['refunds', 'Refunds to pay out'],
] as const;

function plotOwed(movements: readonly Movement[], terms: BookTerms, first: number, today: number): Plot {
  const every = Math.ceil((today - first + 1) / (maxPoints / 2));
  const days: number[] = [];
  for (let day = today; day >= first; day -= every) days.unshift(day);
  const owed = days.map((day) => computeLiability(movements, terms, day));
  return {
    times: days.map((day) => day * daySeconds),
    step: every * daySeconds,
    lines: owedParts.map(([name, label]) => ({ label, values: owed.map((liability) => liability[name]) })),
  };
}

function startOf(part: readonly ReportDay[]): number {
  return part[0]!.day * daySeconds;
}

const noRefusals = new Set<ActivityKind>([
  'accepted',
  'repeated',
  'redeemed',
  'wrong-code',
  'throttled',
  'redemption-failed',
  'shed',
]);
const troubleStep = 1800;
const troubleSpan = 48 * 3600;

/** What was refused in the last two days. @param now Unix seconds */
export function plotTrouble(slots: readonly ActivitySlot[], now: number): Plot {
  const last = Math.floor(now / troubleStep) * troubleStep;
  const times: number[] = [];
  for (let time = last - troubleSpan + troubleStep; time <= last; time += troubleStep) times.push(time);
  const values = (isMeant: (kind: ActivityKind) => boolean): number[] => {
    const counts = times.map(() => 0);
    for (const slot of slots) {
      const at = Math.floor((slot.start - times[0]!) / troubleStep);
      if (at >= 0 && at < counts.length) counts[at]! += countOf(slot, isMeant);
    }
    return counts;
  };
  return {
    times,
    step: troubleStep,
    lines: [
      { label: 'Claims refused', values: values((kind) => !noRefusals.has(kind)) },
      { label: 'Wrong codes', values: values((kind) => kind === 'wrong-code') },
      { label: 'Guessing stopped', values: values((kind) => kind === 'throttled') },
      { label: 'Redemptions failed', values: values((kind) => kind === 'redemption-failed') },
    ],
  };
}

/** How often each was answered, in all slots; the most first. */
export function countActivity(
  slots: readonly ActivitySlot[],
): ReadonlyArray<readonly [ActivityKind, number]> {
  const counts = new Map<ActivityKind, number>();
  for (const slot of slots) {
    for (const [kind, count] of Object.entries(slot.counts) as [ActivityKind, number][]) {
      counts.set(kind, (counts.get(kind) ?? 0) + count);
    }
  }
  return [...counts].sort((a, b) => b[1] - a[1]);
}

function countOf({ counts }: ActivitySlot, isMeant: (kind: ActivityKind) => boolean): number {
  return (Object.entries(counts) as [ActivityKind, number][]).reduce(
    (sum, [kind, count]) => sum + (isMeant(kind) ? count : 0),
    0,
  );
}
