import { isImpulsError, type ErrorCode, type ImpulsError } from 'impuls';

/** A failure as a page tells it: what happened, and the next move. */
export interface Problem {
  readonly what: string;
  readonly next: string;
}

const told: Readonly<Partial<Record<ErrorCode, Problem>>> = {
  'order-unknown': {
    what: 'This vendor does not know that code.',
    next: 'Compare it with the printed one, and check that it is from this vendor.',
  },
  'order-served': {
    what: 'This code was redeemed before.',
    next: 'If that was you, restore the backup of the wallet that did it. Else ask who sold it to you.',
  },
  throttled: { what: 'Too many codes were tried.', next: 'Wait a minute, then try again.' },
  network: {
    what: 'The vendor cannot be reached.',
    next: 'Check your connection, then try again: nothing is lost.',
  },
  'no-card': { what: 'No card here has enough left.', next: 'Redeem a voucher, then go on.' },
  'limit-exceeded': {
    what: 'This costs more than your cap allows.',
    next: 'Raise the cap in the wallet if it is worth it.',
  },
  unsettled: {
    what: 'It is not known yet whether a payment went through.',
    next: 'Try again: it is never charged twice.',
  },
  'storage-locked': { what: 'Another tab holds the wallet.', next: 'Wait a moment, or close that tab.' },
  'storage-failed': {
    what: 'The browser could not keep the wallet.',
    next: 'Free some space on this device, then load the page again.',
  },
  'storage-corrupt': {
    what: 'The wallet in this browser cannot be read.',
    next: 'Restore it from a backup in another browser profile; leave this one as it is.',
  },
};

export function explain(error: unknown): Problem {
  if (!isImpulsError(error)) {
    const what = error instanceof Error && error.message ? error.message : 'Something went wrong.';
    return { what: sentence(what), next: 'Load the page again. Nothing is lost.' };
  }
  return told[error.code] ?? repeat(error);
}

/** In the words of the error itself. */
export function repeat({ message, hint }: ImpulsError): Problem {
  return { what: sentence(message), next: hint ?? 'Try again.' };
}

function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
