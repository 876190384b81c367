import type { JsonObject, JsonValue } from '../../core/wire/canonical-json.js';

/** Something that was decoded. */
export interface Finding {
  readonly kind:
    | 'challenge'
    | 'credential'
    | 'receipt'
    | 'state'
    | 'statement'
    | 'evidence'
    | 'key document'
    | 'backup'
    | 'voucher code'
    | 'problem';
  /** What it says, in a sentence. */
  readonly summary: string;
  /** Its members. */
  readonly facts: JsonObject;
}

/** Facts as lines of name and value: nested members by dotted names. */
export function flatten(facts: JsonObject, prefix = ''): Array<[name: string, value: string]> {
  return Object.entries(facts).flatMap(([name, value]): Array<[string, string]> => {
    const path = prefix + name;
    if (Array.isArray(value)) {
      const items = value as readonly JsonValue[];
      if (items.length === 0) return [[path, 'none']];
      if (items.every((item) => !isObject(item))) return [[path, items.map(toText).join(', ')]];
      return items.flatMap((item, i) =>
        isObject(item)
          ? flatten(item, `${path}[${i}].`)
          : [[`${path}[${i}]`, toText(item)] as [string, string]],
      );
    }
    return isObject(value) ? flatten(value, `${path}.`) : [[path, toText(value)]];
  });
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function toText(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
