import { toBase64url } from '../core/base64url.js';
import { Writer } from '../core/bytes.js';
import type { ClaimedRequest } from '../core/claim.js';
import type { HmacKey } from '../core/hash.js';
import type { IdempotencyKey } from './ledger.js';

const writer = new Writer(1024);
const empty = new Uint8Array(0);

/**
 * What the ledger keeps of an `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header §2). The name is that of the key on its
 * resource, which is the target without its query; the print tells whether it is used for the same request again.
 *
 * @param auth the card's key for tags: a key says nothing outside its card
 * @param key the value of the header, as it arrived
 */
export function idempotencyKeyOf(auth: HmacKey, request: ClaimedRequest, key: string): IdempotencyKey {
  const { method, target, headers, digest } = request;
  const resource = target.split('?', 1)[0]!;
  writer.reset().label('impuls/1 idempotency key').text(resource).text(key);
  const name = toBase64url(auth.mac(writer.bytes(), 16));
  writer.reset().label('impuls/1 idempotent request').text(method).text(target).u32(headers.length);
  for (const [header, value] of headers) writer.text(header).text(value);
  writer.field(digest ?? empty);
  return { name, print: toBase64url(auth.mac(writer.bytes(), 16)) };
}
