import type { Batch } from 'impuls/server';
import { useState } from 'preact/hooks';
import { formatCount, plural } from '../../common/money.js';
import type { Data } from '../data.js';
import { sizeOf, unitsOf, worth } from '../words.js';
import { Dialog, Refusal } from './dialog.js';
import { allOf, ChooseSerials, isWithin } from './serials.js';
import { useTask } from './task.js';

interface Props {
  readonly data: Data;
  readonly batch: Batch;
  readonly state: 'active' | 'void';
  /** @param said what was done */
  readonly onClose: (said?: string) => void;
}

/** Asks before codes become worth something, or worth nothing. */
export function ChangeCodes({ data, batch, state, onClose }: Props) {
  const { number, codes } = batch;
  const size = sizeOf(batch);
  const [serials, setSerials] = useState(() => allOf(size));
  const task = useTask();
  const isActivation = state === 'active';
  const named = isWithin(serials, size) ? serials.to - serials.from + 1 : 0;
  const open = isActivation ? codes.printed : codes.printed + codes.active;
  const most = Math.min(named, open);
  const value = worth(most * unitsOf(batch), data.state.vendor.unit);

  function change(event: Event): void {
    event.preventDefault();
    task.run(async () => {
      const { from, to } = serials;
      const changed = await data.api.changeCodes({ batch: number, from, to, state });
      const rest = to - from + 1 - changed;
      onClose(
        `Batch ${number}: ${plural(changed, 'code')} ${isActivation ? 'activated' : 'void'}` +
          (rest > 0 ? `; ${formatCount(rest)} stayed as they were.` : '.'),
      );
    });
  }

  return (
    <Dialog
      title={`${isActivation ? 'Activate' : 'Void'} codes of batch ${number}`}
      onClose={() => onClose()}
    >
      <form onSubmit={change}>
        <ChooseSerials size={size} value={serials} onChange={setSerials} />
        <p>
          {isActivation
            ? `Up to ${plural(most, 'code')} can be redeemed then, ${value} together: who holds one has money.`
            : `Up to ${plural(most, 'code')}, ${value} together, will be worth nothing. A void code never comes back.`}
        </p>
        {task.problem && <Refusal problem={task.problem} />}
        <div class="row">
          <button type="button" autoFocus onClick={() => onClose()}>
            Cancel
          </button>
          <button
            type="submit"
            class={isActivation ? 'primary' : 'danger'}
            disabled={most === 0 || task.isRunning}
          >
            {isActivation ? 'Activate' : 'Void for ever'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
