import { parseVoucherCode } from 'impuls';
import { explain } from '../common/problems.js';
import { element } from './elements.js';
import { redeemCode } from './holdings.js';

export interface RedeemFormOptions {
  readonly vendor: string;
  /** What the button says. */
  readonly label: string;
  /** Told once the card is there. */
  readonly done: () => void;
}

/** Takes a voucher code as people type it, and tells beside the field what is wrong with it. */
export function createRedeemForm({ vendor, label, done }: RedeemFormOptions): HTMLFormElement {
  const submit = element('button', { attributes: { type: 'submit', class: 'main' } }, label);
  const message = element('p', { attributes: { id: 'code-message', class: 'message', role: 'status' } });
  const input = element('input', {
    attributes: {
      id: 'code',
      name: 'code',
      autocomplete: 'off',
      autocapitalize: 'characters',
      spellcheck: 'false',
      enterkeyhint: 'go',
      maxlength: '120',
      placeholder: 'K7Q2M-8ZJ4D-5R1TN-W3XQ9',
      'aria-describedby': 'code-message',
    },
    on: {
      input: () => {
        input.removeAttribute('aria-invalid');
        message.textContent = '';
      },
    },
  });

  async function redeem(): Promise<void> {
    if (submit.disabled) return;
    submit.disabled = true;
    message.textContent = 'Redeeming the code…';
    try {
      await redeemCode(vendor, parseVoucherCode(input.value));
      input.value = '';
      message.textContent = '';
      done();
    } catch (error) {
      const { what, next } = explain(error);
      message.textContent = `${what} ${next}`;
      input.setAttribute('aria-invalid', 'true');
      input.focus();
    } finally {
      submit.disabled = false;
    }
  }

  return element(
    'form',
    {
      attributes: { class: 'redeem', novalidate: '' },
      on: {
        submit: (event) => {
          event.preventDefault();
          void redeem();
        },
      },
    },
    element('label', { attributes: { for: 'code' } }, 'Voucher code'),
    element('div', { attributes: { class: 'row' } }, input, submit),
    message,
  );
}
