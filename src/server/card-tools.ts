import { fromBase64url } from '../core/base64url.js';
import { deriveKeys, type CardKeys } from '../core/card.js';
import { protocols, type Scheme } from '../core/protocol.js';
import type { CardEntry } from './ledger.js';

/** What the vendor derives from a card once and hangs on its entry. Secret. */
export interface CardTools {
  readonly id: Uint8Array;
  readonly keys: CardKeys;
  readonly scheme: Scheme;
}

const toolsOf = new WeakMap<CardEntry, CardTools>();

export function cardTools(entry: CardEntry): CardTools {
  let tools = toolsOf.get(entry);
  if (!tools) {
    const scheme = protocols[entry.protocol].decodeScheme(entry.scheme);
    tools = { id: fromBase64url(entry.id, 16), keys: deriveKeys(entry.master), scheme };
    toolsOf.set(entry, tools);
  }
  return tools;
}
