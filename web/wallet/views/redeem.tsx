import type { CardSummary, Progress } from 'impuls/client';
import { useEffect, useRef, useState } from 'preact/hooks';
import { formatUnits, formatWorth, plural } from '../../common/money.js';
import { explain, type Problem } from '../../common/problems.js';
import type { Store } from '../store.js';
import type { VendorFace } from '../vendor.js';
import { readVoucher, type Voucher } from '../voucher.js';
import { GoodNotice, ProblemNotice } from './notices.js';
import { ProgressBar } from './progress.js';
import { Scanner } from './scanner.js';

interface Props {
  readonly store: Store;
  readonly vendor: VendorFace;
  /** That the address brought. */
  readonly code?: string;
}

type ProtocolName = CardSummary['protocol'];

/** A voucher becomes a card: typed, pasted, from a link or from a picture. */
export function Redeem({ store, vendor, code = '' }: Props) {
  const [typed, setTyped] = useState(code);
  const [protocol, setProtocol] = useState<ProtocolName>('chain');
  const [scanning, setScanning] = useState(false);
  const [progress, setProgress] = useState<Progress>();
  const [problem, setProblem] = useState<Problem>();
  const [redeemed, setRedeemed] = useState<readonly CardSummary[]>();
  const [asked, setAsked] = useState(false);
  const submit = useRef<HTMLButtonElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const voucher = readVoucher(typed, vendor.origin);
  const complaint = complaintOf(voucher, asked);

  const take = (text: string): void => {
    setTyped(text);
    setProblem(undefined);
    setRedeemed(undefined);
  };
  useEffect(() => {
    if (code === '') return;
    take(code);
    submit.current?.focus();
  }, [code]);

  async function redeem(event: Event): Promise<void> {
    event.preventDefault();
    if (progress) return;
    setAsked(true);
    if (voucher.kind !== 'code') {
      field.current?.focus();
      return;
    }
    setProblem(undefined);
    setProgress({ step: 'document', done: 0, total: 1 });
    try {
      const cards = await store.wallet.redeem(vendor.origin, voucher.code, {
        protocol,
        onProgress: setProgress,
      });
      setRedeemed(cards);
      setTyped('');
      setAsked(false);
      // Asked for here, where there is something to keep, and a person who has just asked for it.
      void navigator.storage.persist();
    } catch (error) {
      setProblem(explain(error));
    } finally {
      setProgress(undefined);
    }
  }

  return (
    <section class="sheet" aria-labelledby="redeem-title">
      <h2 id="redeem-title">Redeem a voucher</h2>
      <form class="redeem" onSubmit={(event) => void redeem(event)} noValidate>
        <label for="code">Voucher code</label>
        <input
          ref={field}
          id="code"
          name="code"
          class="code"
          value={typed}
          onInput={(event) => take(event.currentTarget.value)}
          placeholder="XXXXX-XXXXX-XXXXX-XXXXX"
          autoComplete="off"
          autoCapitalize="characters"
          autoCorrect="off"
          spellcheck={false}
          inputMode="text"
          maxLength={2048}
          aria-invalid={complaint ? 'true' : 'false'}
          aria-describedby="code-help"
          disabled={progress !== undefined}
        />
        <div id="code-help" aria-live="polite">
          <CodeHelp voucher={voucher} complaint={complaint} />
        </div>
        <ProtocolChoice protocol={protocol} onChange={setProtocol} />
        <div class="row">
          <button ref={submit} class="primary" type="submit" disabled={progress !== undefined}>
            Redeem
          </button>
          <button type="button" aria-expanded={scanning} onClick={() => setScanning(!scanning)}>
            {scanning ? 'Stop scanning' : 'Scan a QR code'}
          </button>
        </div>
      </form>
      {scanning && (
        <Scanner
          purpose="the voucher"
          onText={(text) => {
            take(text);
            if (readVoucher(text, vendor.origin).kind !== 'code') return 'more';
            setScanning(false);
            submit.current?.focus();
            return 'done';
          }}
        />
      )}
      {problem && <ProblemNotice problem={problem} />}
      <div role="status">
        {progress && <ProgressBar progress={progress} whole="redeem" />}
        {redeemed && <Redeemed cards={redeemed} />}
      </div>
    </section>
  );
}

/** What is wrong with a code is said as soon as it is sure. */
function complaintOf(voucher: Voucher, asked: boolean): Problem | undefined {
  if (voucher.kind === 'wrong') return voucher;
  if (!asked) return undefined;
  if (voucher.kind === 'empty') return { what: 'There is no code yet.', next: 'Type it, or scan it.' };
  if (voucher.kind === 'partial') {
    return {
      what: `The code is not whole: ${plural(voucher.missing, 'character')} to go.`,
      next: 'Type the rest.',
    };
  }
  return undefined;
}

function CodeHelp({
  voucher,
  complaint,
}: {
  readonly voucher: Voucher;
  readonly complaint: Problem | undefined;
}) {
  if (complaint) {
    return (
      <p class="bad-text">
        <strong>{complaint.what}</strong> {complaint.next}
      </p>
    );
  }
  if (voucher.kind === 'elsewhere') {
    return (
      <p class="bad-text">
        This voucher is from {new URL(voucher.origin).host}. <a href={voucher.link}>Redeem it there</a>
      </p>
    );
  }
  if (voucher.kind === 'code') return <p class="good-text">The code is well formed.</p>;
  return <p class="faint">20 letters and digits. Spaces, dashes and case do not matter.</p>;
}

function ProtocolChoice({
  protocol,
  onChange,
}: {
  readonly protocol: ProtocolName;
  readonly onChange: (protocol: ProtocolName) => void;
}) {
  const choices: ReadonlyArray<readonly [ProtocolName, string, string]> = [
    [
      'chain',
      'Chain (usual)',
      'One hash a unit: the vendor holds evidence of what you paid, and cannot invent more.',
    ],
    ['stream', 'Stream', 'One step a payment, whatever its amount: quick on cards of very many units.'],
  ];
  return (
    <details>
      <summary>How the card pays: {protocol}</summary>
      <fieldset>
        <legend class="visually-hidden">How the card pays</legend>
        {choices.map(([name, title, about]) => (
          <label key={name} class="choice">
            <input
              type="radio"
              name="protocol"
              value={name}
              checked={name === protocol}
              onChange={() => onChange(name)}
            />
            <span>
              {title}
              <span class="faint"> {about}</span>
            </span>
          </label>
        ))}
      </fieldset>
    </details>
  );
}

function Redeemed({ cards }: { readonly cards: readonly CardSummary[] }) {
  const units = cards.reduce((sum, card) => sum + card.units, 0);
  const worth = cards.length === 1 ? ` (${formatWorth(cards[0]!.worth)})` : '';
  return (
    <GoodNotice>
      <p>
        <strong>
          {plural(cards.length, 'card')} with {formatUnits(units)}
          {worth}.
        </strong>
      </p>
      <p>
        It is in this browser only. <a href="#/backup">Back it up now</a>
      </p>
    </GoodNotice>
  );
}
