import { formatCount } from '../../common/money.js';

/** Which codes of a batch are meant. */
export interface Serials {
  readonly which: 'all' | 'some';
  readonly from: number;
  readonly to: number;
}

export function allOf(size: number): Serials {
  return { which: 'all', from: 1, to: size };
}

export function isWithin({ from, to }: Serials, size: number): boolean {
  return Number.isInteger(from) && Number.isInteger(to) && from >= 1 && from <= to && to <= size;
}

interface Props {
  readonly size: number;
  readonly value: Serials;
  readonly onChange: (value: Serials) => void;
}

export function ChooseSerials({ size, value, onChange }: Props) {
  const { which, from, to } = value;
  return (
    <fieldset>
      <legend>Which codes</legend>
      <label class="choice">
        <input type="radio" name="which" checked={which === 'all'} onChange={() => onChange(allOf(size))} />
        All {formatCount(size)}
      </label>
      <label class="choice">
        <input
          type="radio"
          name="which"
          checked={which === 'some'}
          onChange={() => onChange({ ...value, which: 'some' })}
        />
        Some, by their serials
      </label>
      {which === 'some' && (
        <div class="range">
          <label>
            From
            <input
              type="number"
              inputMode="numeric"
              min={1}
              max={size}
              required
              value={from}
              onInput={({ currentTarget }) => onChange({ ...value, from: currentTarget.valueAsNumber })}
            />
          </label>
          <label>
            To
            <input
              type="number"
              inputMode="numeric"
              min={1}
              max={size}
              required
              value={to}
              onInput={({ currentTarget }) => onChange({ ...value, to: currentTarget.valueAsNumber })}
            />
          </label>
        </div>
      )}
    </fieldset>
  );
}
