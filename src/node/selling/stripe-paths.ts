/** Where Stripe and its buyers come to, under the origin of the vendor. Known without its package. */
export const stripePaths = { webhook: '/impuls/sales/stripe', thanks: '/impuls/sales/thanks' } as const;

/** The events that count. */
export const stripeEvents = [
  'checkout.session.completed',
  'checkout.session.async_payment_succeeded',
  'charge.refunded',
  'charge.dispute.created',
  'charge.dispute.closed',
] as const;
