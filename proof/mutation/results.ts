/** How the changes of one area ended. */
export interface AreaResult {
  readonly area: string;
  /** One line in so many was changed. */
  readonly every: number;
  readonly killed: number;
  /** Such a change makes a loop without an end: the tests do notice it. */
  readonly timedOut: number;
  readonly survived: number;
  /** No test so much as runs the line. */
  readonly uncovered: number;
  /** Set aside, with a reason beside it. */
  readonly ignored: number;
  /** Of all that count. */
  readonly percent: number;
}

/** What Stryker says of one change, as far as it matters here. */
export interface Mutant {
  readonly fileName: string;
  readonly mutatorName: string;
  readonly status: string;
  readonly statusReason?: string | undefined;
  readonly location: { readonly start: { readonly line: number; readonly column: number } };
  readonly replacement?: string | undefined;
}

/** Changes of which TypeScript makes nothing, and those that could not be tried, count neither way. */
export function countMutants(area: string, every: number, mutants: readonly Mutant[]): AreaResult {
  const count = (status: string): number => mutants.filter((mutant) => mutant.status === status).length;
  const [killed, timedOut] = [count('Killed'), count('Timeout')];
  const [survived, uncovered] = [count('Survived'), count('NoCoverage')];
  const all = killed + timedOut + survived + uncovered;
  const percent = all === 0 ? 100 : Math.floor((1000 * (killed + timedOut)) / all) / 10;
  const ignored = mutants.filter(
    (one) => one.status === 'Ignored' && one.statusReason !== 'not in the sample',
  );
  return { area, every, killed, timedOut, survived, uncovered, ignored: ignored.length, percent };
}

/** One line a change that no test noticed, as editors open it. */
export function listSurvivors(root: string, mutants: readonly Mutant[]): string[] {
  return mutants
    .filter(({ status }) => status === 'Survived' || status === 'NoCoverage')
    .map(({ fileName, mutatorName, status, location: { start }, replacement }) => {
      const place = `${fileName.replace(root, '')}:${start.line}:${start.column}`;
      const text = (replacement ?? '').replace(/\s+/g, ' ').slice(0, 100);
      return `${place} ${mutatorName}${status === 'NoCoverage' ? ' (no test runs it)' : ''}: ${text}`;
    });
}

export function formatTable(results: readonly AreaResult[]): string {
  const rows = results.map(
    ({ area, every, killed, timedOut, survived, uncovered, ignored, percent }) =>
      `| ${area} | ${every === 1 ? 'all' : `1 in ${every}`} | ${killed + timedOut} | ${survived + uncovered} | ${ignored} | ${percent.toFixed(1)} % |`,
  );
  return [
    '| Area | Lines | Noticed | Missed | Set aside | Share |',
    '| --- | --: | --: | --: | --: | --: |',
    ...rows,
  ].join('\n');
}
