import type { Wallet } from 'impuls/client';
import { useEffect, useRef, useState } from 'preact/hooks';
import { formatUnits } from '../common/money.js';
import { explain, type Problem } from '../common/problems.js';
import { Notice } from './notice.js';

interface Props {
  readonly wallet: Wallet;
  /** The origin whose cards are needed. */
  readonly vendor: string;
  readonly code?: string;
  /** `stopped`: in the middle of the film. `empty`: before it. `wanted`: by choice. */
  readonly reason: 'stopped' | 'empty' | 'wanted';
  /** Whether it is what one has to do now, and gets the focus. */
  readonly urgent: boolean;
  readonly onDone: () => void;
}

const titles: Readonly<Record<Props['reason'], string>> = {
  stopped: 'The card is empty',
  empty: 'A card to watch with',
  wanted: 'Top up',
};

/** A voucher becomes a card, without leaving the film. */
export function TopUp({ wallet, vendor, code = '', reason, urgent, onDone }: Props) {
  const [text, setText] = useState(code);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [gained, setGained] = useState<number>();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (urgent) field.current?.focus();
  }, [urgent]);

  async function redeem(event: Event): Promise<void> {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem(undefined);
    try {
      const cards = await wallet.redeem(vendor, text.trim(), { protocol: 'chain' });
      setGained(cards.reduce((sum, card) => sum + card.left, 0));
      setText('');
      void navigator.storage.persist();
      onDone();
    } catch (error) {
      setProblem(explain(error));
      field.current?.focus();
    } finally {
      setBusy(false);
    }
  }

  return (
    <form class="sheet top-up" noValidate onSubmit={(event) => void redeem(event)}>
      <h2>{titles[reason]}</h2>
      <p>
        {reason === 'stopped' && 'The film goes on where it stopped. '}
        Redeem a voucher of {new URL(vendor).host}. It becomes a card in this browser: no account, and no
        question for each payment.
      </p>
      <label for="code">Voucher code</label>
      <div class="row">
        <input
          ref={field}
          id="code"
          class="code"
          value={text}
          placeholder="K7Q2M-8ZJ4D-5R1TN-W3XQ9"
          autoComplete="off"
          autoCapitalize="characters"
          spellcheck={false}
          maxLength={64}
          disabled={busy}
          aria-invalid={problem ? 'true' : 'false'}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button class="primary" disabled={busy || text.trim() === ''}>
          {busy ? 'Redeeming…' : 'Redeem'}
        </button>
      </div>
      {problem && <Notice kind="bad" {...problem} />}
      {gained !== undefined && <Notice kind="good" what={`${formatUnits(gained)} more.`} />}
    </form>
  );
}
