import type { ImpulsError } from 'impuls';
import { useState } from 'preact/hooks';
import { isCap } from '../common/caps.js';
import { formatUnits } from '../common/money.js';
import { Notice } from './notice.js';

interface Props {
  readonly cap: number;
  /** Why nothing more is paid, if it is because of a cap. */
  readonly reason?: ImpulsError;
  readonly onCap: (units: number) => void;
}

/** How much the film may cost without a question. */
export function Cap({ cap, reason, onCap }: Props) {
  const [text, setText] = useState(String(cap));
  const units = Number(text);
  const isGood = text.trim() !== '' && isCap(units);
  const more = 2 * Math.max(cap, 50);
  const form = (
    <form
      class="cap"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (isGood) onCap(units);
      }}
    >
      <label for="cap">Cap for a film, in units</label>
      <div class="row">
        <input
          id="cap"
          inputMode="numeric"
          value={text}
          aria-invalid={isGood ? 'false' : 'true'}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button disabled={!isGood}>Set the cap</button>
      </div>
    </form>
  );
  if (!reason) {
    return (
      <details class="cap-box">
        <summary>Cap: {formatUnits(cap)} a film</summary>
        {form}
      </details>
    );
  }
  return (
    <Notice kind="warn" what="Your cap is reached." next={`${reason.message}.`}>
      <div class="row">
        <button
          class="primary"
          onClick={() => {
            setText(String(more));
            onCap(more);
          }}
        >
          Raise it to {formatUnits(more)}
        </button>
        <a href="../wallet/#/limits">Caps of the wallet</a>
      </div>
      {form}
    </Notice>
  );
}
