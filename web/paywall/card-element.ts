import { formatVoucherCode } from 'impuls';
import { isCap, readCaps, writeCaps } from '../common/caps.js';
import { explain } from '../common/problems.js';
import { button, element, styledRoot } from './elements.js';
import { onChange, openHoldings, redeemCode, describeLeft } from './holdings.js';
import { createRedeemForm } from './redeem-form.js';
import { cardStyle } from './styles.js';
import { claimVoucher } from './voucher-link.js';

/** A backup is a list of cards: some hundred bytes each. */
const maxBackupBytes = 4 * 1024 * 1024;

/**
 * `<impuls-card vendor>`: what is left on the reader's card of this vendor; behind it a voucher is redeemed, the limit set, the
 * card saved to a file and brought back. A code in the address of the page, `#CODE`, is redeemed by the first of these elements.
 */
export class CardElement extends HTMLElement {
  readonly #summary = element('summary', { attributes: { 'aria-live': 'polite' } }, 'Your card');
  readonly #details = element('details', {}, this.#summary);
  readonly #message = element('p', { attributes: { role: 'status', class: 'quiet' } });
  #life = new AbortController();

  constructor() {
    super();
    styledRoot(this, cardStyle).append(this.#details);
  }

  connectedCallback(): void {
    this.#life = new AbortController();
    const { signal } = this.#life;
    const vendor = new URL(this.getAttribute('vendor') ?? location.origin, document.baseURI).origin;
    this.#details.replaceChildren(this.#summary, this.#sheet(vendor));
    this.#details.addEventListener('keydown', (event) => this.#closeByKey(event), { signal });
    this.#details.addEventListener('toggle', () => this.#place(), { signal });
    onChange(() => void this.#showLeft(vendor), signal);
    void this.#showLeft(vendor);
    const code = claimVoucher();
    if (code !== undefined) void this.#redeem(vendor, code, this.#details.querySelector('input'));
  }

  disconnectedCallback(): void {
    this.#life.abort();
  }

  /** The sheet grows towards the middle of the window. */
  #place(): void {
    const { left, width } = this.getBoundingClientRect();
    const sheet = this.#details.querySelector<HTMLElement>('.sheet');
    if (sheet) sheet.dataset['side'] = left + width / 2 < innerWidth / 2 ? 'left' : 'right';
  }

  #closeByKey(event: KeyboardEvent): void {
    if (event.key !== 'Escape' || !this.#details.open) return;
    this.#details.open = false;
    this.#summary.focus();
  }

  #sheet(vendor: string): HTMLElement {
    const form = createRedeemForm({
      vendor,
      label: 'Redeem',
      done: () => this.#say('Your card is here. Save a backup of it.'),
    });
    const file = element('input', {
      attributes: { type: 'file', accept: '.backup,text/plain', hidden: '', 'aria-label': 'A backup' },
      on: { change: () => void this.#restore(file) },
    });
    return element(
      'div',
      { attributes: { class: 'sheet', 'data-side': 'left' } },
      form,
      createLimitField(),
      element(
        'div',
        { attributes: { class: 'row' } },
        button('Save a backup', () => void this.#backup()),
        button('Restore one', () => file.click()),
        file,
      ),
      this.#message,
    );
  }

  /** A code that came with the link of the page. */
  async #redeem(vendor: string, code: string, field: HTMLInputElement | null): Promise<void> {
    this.#summary.textContent = 'Redeeming your voucher…';
    try {
      await redeemCode(vendor, code);
      this.#say('The voucher of the link is redeemed. Save a backup of your card.');
    } catch (error) {
      this.#details.open = true;
      // To be tried again: it is in the address no more.
      if (field) field.value = formatVoucherCode(code);
      this.#tell(error);
    }
    await this.#showLeft(vendor);
  }

  async #backup(): Promise<void> {
    try {
      const text = await (await openHoldings()).wallet.backup();
      const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
      element('a', { attributes: { href: url, download: 'cards.backup' } }).click();
      URL.revokeObjectURL(url);
      this.#say('Saved. Keep the file to yourself: who has it can spend the cards.');
    } catch (error) {
      this.#tell(error);
    }
  }

  async #restore(input: HTMLInputElement): Promise<void> {
    const file = input.files?.[0];
    if (!file) return;
    try {
      const text = await file.slice(0, maxBackupBytes).text();
      const added = await (await openHoldings()).wallet.restore(text);
      this.#say(added.length === 0 ? 'Its cards were here already.' : `${added.length} restored.`);
    } catch (error) {
      this.#tell(error);
    } finally {
      input.value = '';
    }
  }

  async #showLeft(vendor: string): Promise<void> {
    try {
      const left = describeLeft((await openHoldings()).wallet, vendor);
      this.#summary.textContent = left === undefined ? 'Redeem a voucher' : `${left} left`;
    } catch (error) {
      this.#summary.textContent = 'Your card';
      this.#tell(error);
    }
  }

  #tell(error: unknown): void {
    const { what, next } = explain(error);
    this.#say(`${what} ${next}`);
  }

  #say(text: string): void {
    this.#message.textContent = text;
  }
}

function createLimitField(): HTMLElement {
  const input = element('input', {
    attributes: { id: 'limit', inputmode: 'numeric', maxlength: '7', value: String(readCaps().perRequest) },
    on: {
      input: () => {
        const text = input.value.trim();
        const units = /^\d+$/.test(text) ? Number(text) : undefined;
        input.setAttribute('aria-invalid', String(!isCap(units)));
        if (isCap(units)) writeCaps({ ...readCaps(), perRequest: units });
      },
    },
  });
  return element(
    'div',
    { attributes: { class: 'limit' } },
    element('label', { attributes: { for: 'limit' } }, 'Ask me above (units an article)'),
    input,
  );
}
