import { formatVoucherCode } from '../../core/voucher-code.js';
import { sha256 } from '../../core/hash.js';
import { utf8 } from '../../core/bytes.js';
import type { Header, Reply } from '../call.js';
import type { Sale } from './sales.js';

/**
 * Where a buyer comes back to after paying: shows the code. It works without a script and loads nothing. The buyer is often
 * faster than the message that he has paid, so the page waits: it asks for itself again, ever less often, and stops after some
 * minutes.
 */
export interface ThanksPage {
  /** The vendor's, for people. */
  readonly vendor: string;
  readonly mode: 'test' | 'live';
  /** What the page shows. */
  readonly view:
    | { readonly kind: 'sale'; readonly sale: Sale; readonly link: string }
    /** `next`: the address to ask again, absent once it was asked often enough. */
    | { readonly kind: 'waiting'; readonly next?: string; readonly seconds?: number; readonly self: string }
    | { readonly kind: 'wrong' }
    | { readonly kind: 'failed' };
}

/** How often the page asks again by itself, and the seconds before it does: about ten minutes in all. */
const waits = [2, 2, 3, 3, 5, 5, 8, 8, 12, 12, ...Array<number>(18).fill(30)];

/** @param asked how often it was asked before, from 0 @returns undefined once it has waited long enough */
export function waitSeconds(asked: number): number | undefined {
  return waits[asked];
}

const style = `
:root { color-scheme: light dark; --paper: #f5f4ef; --ink: #1c2024; --accent: #0a5a55; font: 100%/1.5 system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --ink: #eceae4; --accent: #7fd3c8; } }
body { max-width: 34rem; margin: 0 auto; padding: 1.5rem 1rem; background: var(--paper); color: var(--ink); }
a { color: var(--accent); }
code { display: block; margin: 1rem 0; padding: 1rem; border: 1px solid; border-radius: .5rem; font-size: 1.25rem; text-align: center; overflow-wrap: anywhere; user-select: all; }
a.do { display: block; padding: .75rem 1rem; border: 2px solid; border-radius: .5rem; font-weight: 600; text-align: center; text-decoration: none; }
p.test { padding: .5rem 1rem; border: 2px dashed; border-radius: .5rem; }
`;

const security: readonly Header[] = [
  [
    'Content-Security-Policy',
    `default-src 'none'; img-src data:; style-src 'sha256-${base64(sha256(utf8(style)))}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  ],
  ['Cache-Control', 'no-store'],
  ['Referrer-Policy', 'no-referrer'],
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Robots-Tag', 'noindex'],
  ['Cross-Origin-Opener-Policy', 'same-origin'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
];

export function thanksReply({ vendor, mode, view }: ThanksPage): Reply {
  const [status, title, content] = describe(view);
  const waiting = view.kind === 'waiting' && view.next !== undefined;
  const refresh = waiting
    ? `<meta http-equiv="refresh" content="${view.seconds ?? 5}; url=${escape(view.next)}">\n`
    : '';
  const test = mode === 'test' ? '<p class="test">This is a test: no money has moved.</p>\n' : '';
  const body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
${refresh}<title>${title} – ${escape(vendor)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${test}${content}
</main>
<footer><p>${escape(vendor)}</p></footer>
</body>
</html>
`;
  return { status, headers: [['Content-Type', 'text/html; charset=utf-8'], ...security], body };
}

function describe(view: ThanksPage['view']): readonly [status: number, title: string, content: string] {
  switch (view.kind) {
    case 'sale':
      return [200, ...describeSale(view.sale, view.link)];
    case 'waiting':
      return view.next === undefined
        ? [
            200,
            'Your payment is on its way',
            `<p>We have not been told yet that it arrived. Some ways to pay take days.</p>
<p>Keep the address of this page: your code will be here. <a href="${escape(view.self)}">Look again</a></p>`,
          ]
        : [
            200,
            'Thank you',
            `<p role="status">Your code comes as soon as we are told of your payment. That takes some seconds.</p>
<p>This page looks again by itself. <a href="${escape(view.next)}">Look now</a></p>`,
          ];
    case 'wrong':
      return [
        404,
        'This address is not complete',
        '<p>Open the link again that you were sent to after paying. Your code is there.</p>',
      ];
    case 'failed':
      return [503, 'Something is not right here', '<p>Look again in a minute. Your code will be here.</p>'];
  }
}

function describeSale({ items, state, code }: Sale, link: string): readonly [title: string, content: string] {
  switch (state) {
    case 'active':
      return [
        'Thank you',
        `<p>This is your code, for ${escape(describeItems(items))}. Who has it can redeem it, once.</p>
<code>${formatVoucherCode(code)}</code>
<p><a class="do" href="${escape(link)}">Put it into my wallet</a></p>
<p>Until it is redeemed you find it again at the address of this page: keep that to yourself, too.</p>`,
      ];
    case 'redeemed':
      return [
        'This code has been redeemed',
        '<p>Its cards are in the wallet that redeemed it. If that was not yours, tell us.</p>',
      ];
    case 'held':
      return [
        'This purchase is on hold',
        '<p>Its code cannot be redeemed for now: the payment is disputed, some of it was returned, or something else has to be settled first. If that surprises you, tell us.</p>',
      ];
    case 'void':
      return ['This purchase was taken back', '<p>Your payment was returned, so the code is void.</p>'];
  }
}

function describeItems(items: Sale['items']): string {
  return items
    .map(({ denomination, count }) => `${count} ${count === 1 ? 'card' : 'cards'} of ${denomination} units`)
    .join(' and ');
}

function escape(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}

/** As CSP wants it: with padding, and not for URLs. */
function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
