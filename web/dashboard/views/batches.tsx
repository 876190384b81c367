import type { Batch } from 'impuls/server';
import { useState } from 'preact/hooks';
import { formatCount, plural } from '../../common/money.js';
import type { Unit } from '../api.js';
import type { Data } from '../data.js';
import { goodFor, lastDay, sizeOf, unitsOf, worth } from '../words.js';
import { ChangeCodes } from './change-codes.js';
import { CreateBatch } from './create-batch.js';
import { PrintSheets } from './print-sheets.js';

type Doing =
  { readonly what: 'create' } | { readonly what: 'active' | 'void' | 'print'; readonly batch: Batch };

/** Codes that were printed, and what became of them: by number and serial, never by who has them. */
export function Batches({ data }: { readonly data: Data }) {
  const { batches, now, vendor } = data.state;
  const [doing, setDoing] = useState<Doing>();
  const [said, setSaid] = useState('');
  const close = (text = ''): void => {
    setDoing(undefined);
    setSaid(text);
    if (text !== '') void data.refresh();
  };
  return (
    <>
      <div class="row spread">
        <p class="faint">
          {batches.length === 0
            ? 'Codes to print and sell. They are worth nothing until you activate them.'
            : `${plural(batches.length, 'batch').replace('batchs', 'batches')}, newest first.`}
        </p>
        <button type="button" class="primary" onClick={() => setDoing({ what: 'create' })}>
          New batch
        </button>
      </div>
      <p role="status" class="said">
        {said}
      </p>
      <ul class="batches">
        {[...batches].reverse().map((batch) => (
          <BatchItem
            key={batch.number}
            batch={batch}
            now={now}
            unit={vendor.unit}
            onDo={(what) => setDoing({ what, batch })}
          />
        ))}
      </ul>
      {doing?.what === 'create' && <CreateBatch data={data} onClose={close} />}
      {doing?.what === 'print' && <PrintSheets data={data} batch={doing.batch} onClose={close} />}
      {(doing?.what === 'active' || doing?.what === 'void') && (
        <ChangeCodes data={data} batch={doing.batch} state={doing.what} onClose={close} />
      )}
    </>
  );
}

interface ItemProps {
  readonly batch: Batch;
  readonly now: number;
  readonly unit: Unit;
  readonly onDo: (what: 'active' | 'void' | 'print') => void;
}

const states = [
  ['redeemed', 'redeemed'],
  ['active', 'active'],
  ['printed', 'printed'],
  ['void', 'void'],
] as const;

function BatchItem({ batch, now, unit, onDo }: ItemProps) {
  const { number, label, codes, expires } = batch;
  const size = sizeOf(batch);
  const title = `batch-${number}`;
  const isOver = expires <= now;
  const present = states.filter(([state]) => codes[state] > 0);
  return (
    <li class="sheet batch" aria-labelledby={title}>
      <div class="head">
        <h2 id={title}>
          Batch {number}
          {label !== '' && <span class="label"> {label}</span>}
        </h2>
        <p class="faint">
          {plural(size, 'code')} of {goodFor(batch)}, {worth(unitsOf(batch), unit)} each,{' '}
          {isOver ? <strong class="bad-text">ended {lastDay(expires)}</strong> : `until ${lastDay(expires)}`}
        </p>
      </div>
      <div class="shares" aria-hidden="true">
        {present.map(([state]) => (
          <span
            key={state}
            class={state}
            ref={(share) => share?.style.setProperty('flex-grow', String(codes[state]))}
          />
        ))}
      </div>
      <ul class="legend">
        {present.map(([state, name]) => (
          <li key={state}>
            <span class={`swatch ${state}`} aria-hidden="true" />
            {formatCount(codes[state])} {name}
          </li>
        ))}
      </ul>
      <div class="row">
        <button type="button" disabled={codes.printed === 0 || isOver} onClick={() => onDo('active')}>
          Activate<span class="visually-hidden"> codes of batch {number}</span>
        </button>
        <button type="button" onClick={() => onDo('print')}>
          Print<span class="visually-hidden"> batch {number}</span>
        </button>
        <button
          type="button"
          class="danger"
          disabled={codes.printed + codes.active === 0}
          onClick={() => onDo('void')}
        >
          Void<span class="visually-hidden"> codes of batch {number}</span>
        </button>
      </div>
    </li>
  );
}
