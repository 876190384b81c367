/**
 * Articles that are ciphertext on a static host, opened in the page: `<script type="module" src="paywall.js">`.
 *
 *   <impuls-article src="article.html.sealed" vendor="https://news.example" manifest="impuls.json">a teaser</impuls-article>
 *   <impuls-card vendor="https://news.example"></impuls-card>
 *
 * The first sells and shows what is sealed; the second shows what is left, and keeps the cards. A page can have any number of them.
 */
import { ArticleElement } from './article-element.js';
import { CardElement } from './card-element.js';
import { takeVoucher } from './voucher-link.js';

takeVoucher(location, history);
customElements.define('impuls-card', CardElement);
customElements.define('impuls-article', ArticleElement);
