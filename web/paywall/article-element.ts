import { isImpulsError } from 'impuls';
import { createKeyBuyer, openSealedUrl } from 'impuls/client/content';
import { limitsUnder, readCaps } from '../common/caps.js';
import { explain } from '../common/problems.js';
import { button, element, styledRoot } from './elements.js';
import { presentContent, replacesTeaser, verbOf } from './opened-content.js';
import { askPrice, findItem, type Price, type SealedItem } from './offers.js';
import { describeLeft, onChange, openHoldings, redeemCode } from './holdings.js';
import { createRedeemForm } from './redeem-form.js';
import { articleStyle } from './styles.js';
import { claimVoucher } from './voucher-link.js';
import { formatPrice } from './words.js';

/**
 * `<impuls-article src manifest vendor label>`: its children are the teaser. `src` is a sealed file; `manifest` the impuls.json
 * that prices it (without one the file and the vendor are asked); `vendor` the only origin that is paid; `label` a name for it.
 *
 * Says what the article costs, pays for it once, and opens it; what was bought is opened at once on the next visit. Nothing is
 * asked below the reader's caps, and once above them.
 */
export class ArticleElement extends HTMLElement {
  readonly #teaser = element('div', {}, element('slot'));
  readonly #opened = element('div', {
    attributes: { class: 'opened', role: 'region', tabindex: '-1', hidden: '' },
  });
  // It stays in its place, so that a screen reader tells what is written into it.
  readonly #status = element('p', { attributes: { role: 'status' } });
  readonly #body = element('div');
  readonly #panel = element(
    'div',
    { attributes: { class: 'panel', role: 'group', tabindex: '-1' } },
    this.#status,
    this.#body,
  );
  readonly #left = element('p', { attributes: { class: 'quiet' } });
  #life = new AbortController();
  #item: SealedItem | undefined;
  #price: Price | undefined;

  constructor() {
    super();
    styledRoot(this, articleStyle).append(this.#teaser, this.#opened, this.#panel);
  }

  connectedCallback(): void {
    this.#life = new AbortController();
    const label = this.#label();
    this.#opened.setAttribute('aria-label', label);
    this.#panel.setAttribute('aria-label', `Buy: ${label}`);
    onChange(() => void this.#showLeft(), this.#life.signal);
    // A page with a card redeems there what its link brought.
    void this.#start(document.querySelector('impuls-card') ? undefined : claimVoucher());
  }

  disconnectedCallback(): void {
    this.#life.abort();
  }

  #label(): string {
    return this.getAttribute('label') ?? document.title;
  }

  /** Opens what was bought before; else shows the price. @param code a voucher to be redeemed first */
  async #start(code?: string): Promise<void> {
    this.#show();
    this.#say('Looking up the price…');
    try {
      const { manifest, src, vendor } = this.#addresses();
      const item = await findItem({ url: src, manifest, vendor });
      this.#item = item;
      this.#price = item.price;
      if (code !== undefined) {
        this.#say('Redeeming your voucher…');
        await redeemCode(item.vendor, code);
      }
      if (await isBought(item)) {
        await this.#open(item, 0, 'visit');
        return;
      }
      if (this.#price?.unit === undefined) this.#price = await priceOf(item);
      this.#showOffer();
    } catch (error) {
      const worthTrying = isImpulsError(error, 'network') || isImpulsError(error, 'throttled');
      this.#showTrouble(error, () => void this.#start(worthTrying ? code : undefined));
    }
  }

  #addresses(): { src: URL; manifest: URL | undefined; vendor: string | undefined } {
    const address = (name: string): URL | undefined => {
      const value = this.getAttribute(name);
      return value === null ? undefined : new URL(value, document.baseURI);
    };
    return {
      src: address('src') ?? new URL(document.baseURI),
      manifest: address('manifest'),
      vendor: address('vendor')?.origin,
    };
  }

  #showOffer(): void {
    const item = this.#item!;
    const { units, unit } = this.#price!;
    this.#say('');
    const label = `${verbOf(item.type)} ${formatPrice(units, unit)}`;
    this.#show(
      element(
        'p',
        {},
        button(label, () => void this.#ask(), { class: 'main' }),
      ),
      this.#left,
    );
    void this.#showLeft();
  }

  /** Above the caps the reader is asked, once for this price. */
  async #ask(): Promise<void> {
    const { units, unit } = this.#price!;
    const breach = await findBreach(units).catch(() => undefined);
    if (breach === undefined) {
      await this.#buy();
      return;
    }
    const heading = element('h2', { attributes: { tabindex: '-1' } }, `Pay ${formatPrice(units, unit)}?`);
    const back = (): void => {
      this.#showOffer();
      this.#focusFirst();
    };
    this.#show(
      heading,
      element('p', {}, breach),
      element(
        'div',
        { attributes: { class: 'row' } },
        button(`Pay ${formatPrice(units)}`, () => void this.#buy(), { class: 'main' }),
        button('Not now', back),
      ),
    );
    heading.focus();
  }

  async #buy(): Promise<void> {
    await this.#open(this.#item!, this.#price!.units, 'press');
  }

  /** @param most the units that the reader has agreed to; 0 for what is bought already */
  async #open(item: SealedItem, most: number, cause: 'visit' | 'press'): Promise<void> {
    const { signal } = this.#life;
    const bar = element('progress', { attributes: { max: '1', 'aria-label': 'Downloaded' } });
    this.#show(bar);
    this.#say(most > 0 ? 'Paying…' : 'Opening…');
    if (cause === 'press') this.#panel.focus();
    try {
      const { wallet, library } = await openHoldings();
      const limits = { perRequest: most, total: most, vendors: [item.vendor] };
      const { body, size, payment } = await openSealedUrl(item.url.href, {
        buyer: createKeyBuyer({ wallet, library, limits }),
        signal,
        onProgress: ({ done, total }) => {
          if (total !== undefined && total > 0) bar.value = done / total;
        },
      });
      this.#say(`Opening${size === undefined ? '' : ' the file'}…`);
      const content = await presentContent(item, body, this.#label(), signal);
      this.#showContent(item, content, payment?.units, cause);
    } catch (error) {
      if (signal.aborted) return;
      if (isImpulsError(error, 'no-card')) this.#showRedeem();
      else if (isImpulsError(error, 'limit-exceeded')) await this.#reprice();
      else this.#showTrouble(error, () => void this.#open(item, most, 'press'));
    }
  }

  /** The vendor asks for more than the page said. */
  async #reprice(): Promise<void> {
    try {
      this.#price = await askPrice(this.#item!.keyUrl);
      this.#showOffer();
      this.#say('The price has changed; nothing was paid.');
      this.#focusFirst();
    } catch (error) {
      this.#showTrouble(error, () => void this.#reprice());
    }
  }

  #showContent(
    item: SealedItem,
    content: HTMLElement,
    paid: number | undefined,
    cause: 'visit' | 'press',
  ): void {
    this.#opened.replaceChildren(content);
    this.#opened.hidden = false;
    this.#teaser.hidden = replacesTeaser(item.type);
    this.#show(this.#left);
    const { unit } = this.#price ?? {};
    this.#say(
      paid === undefined ? 'Bought before; nothing was paid now.' : `Paid ${formatPrice(paid, unit)}.`,
    );
    void this.#showLeft();
    if (cause === 'press') this.#opened.focus();
  }

  #showRedeem(): void {
    const item = this.#item!;
    const { units, unit } = this.#price!;
    const form = createRedeemForm({
      vendor: item.vendor,
      label: 'Redeem and open',
      done: () => void this.#buy(),
    });
    this.#say(`You need ${formatPrice(units, unit)} on a card. Nothing was charged.`);
    this.#show(form, this.#left);
    void this.#showLeft();
    form.querySelector('input')?.focus();
  }

  #showTrouble(error: unknown, again: () => void): void {
    const { what, next } = explain(error);
    const retry = button('Try again', again);
    this.#say('');
    this.#show(
      element('p', { attributes: { class: 'trouble', role: 'alert' } }, what),
      element('p', {}, next),
      element('p', {}, retry),
    );
  }

  async #showLeft(): Promise<void> {
    const item = this.#item;
    if (!item) return;
    const left = await leftAt(item.vendor);
    this.#left.textContent = left === undefined ? '' : `${left} left on your card.`;
  }

  #show(...contents: Node[]): void {
    this.#body.replaceChildren(...contents);
  }

  #say(text: string): void {
    this.#status.textContent = text;
  }

  #focusFirst(): void {
    this.#panel.querySelector('button')?.focus();
  }
}

/** Why the reader is to be asked before so much is paid; undefined below the caps. Rejects where nothing is kept to pay with. */
async function findBreach(units: number): Promise<string | undefined> {
  const caps = readCaps();
  if (units > caps.perRequest) {
    return `This is more than the ${formatPrice(caps.perRequest)} that you let an article take without asking.`;
  }
  const { wallet } = await openHoldings();
  const { total } = limitsUnder(caps, wallet.history(), Date.now());
  return units > total
    ? `With it you would pay more than ${formatPrice(caps.perDay)} within a day.`
    : undefined;
}

/** A browser that keeps nothing has bought nothing; what is wrong with it is told when something is to be paid. */
async function isBought({ keyUrl }: SealedItem): Promise<boolean> {
  try {
    return (await (await openHoldings()).library.get(keyUrl)) !== undefined;
  } catch {
    return false;
  }
}

/** The price with what it is worth; the manifest's alone while the vendor does not answer. */
async function priceOf({ keyUrl, price }: SealedItem): Promise<Price> {
  try {
    return await askPrice(keyUrl);
  } catch (error) {
    if (price) return price;
    throw error;
  }
}

async function leftAt(vendor: string): Promise<string | undefined> {
  try {
    return describeLeft((await openHoldings()).wallet, vendor);
  } catch {
    return undefined;
  }
}
