import { useMemo } from 'preact/hooks';
import { formatCount } from '../../common/money.js';
import { Chart } from '../chart.js';
import type { Data } from '../data.js';
import { plotTrouble } from '../figures.js';

/** Claims and codes that were refused. */
export function Trouble({ data, wide }: { readonly data: Data; readonly wide?: true }) {
  const { server, now } = data.state;
  const plot = useMemo(() => plotTrouble(server?.activity ?? [], now), [server, now]);
  return (
    <Chart
      title="Refused in the last two days"
      note="Calls each half hour, since the server started"
      plot={plot}
      kind="bars"
      clock="hours"
      describe={(count) => formatCount(count)}
      colours={2}
      {...(wide && { wide })}
      empty={
        server
          ? 'No claim was refused, and no wrong code was tried.'
          : 'No server runs, and only a running one counts what it refuses.'
      }
    />
  );
}
