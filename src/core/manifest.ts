import { parseContentKeyUrl } from './content-key.js';
import { fromUtf8, utf8 } from './bytes.js';
import { ImpulsError, malformed } from './errors.js';
import type { Unit } from './key-document.js';
import { limits } from './limits.js';
import { parseJson, type JsonObject, type JsonValue } from './wire/canonical-json.js';
import { expectArray, expectObject, expectText, expectUint32 } from './wire/json-members.js';

/**
 * The manifest of a folder of sealed files: which there are, and what their keys cost. It lies beside them as `impuls.json`,
 * is public and not signed: what a key costs in the end is what the vendor asks for it.
 */
export interface ContentManifest {
  /** The origin of the vendor that sells the keys. */
  readonly vendor: string;
  /** What its units are worth, for people. */
  readonly unit?: Unit;
  readonly items: readonly ContentItem[];
}

export interface ContentItem {
  /** What the file is called once it is opened: relative, with `/`, below the folder. Each stands once. */
  readonly path: string;
  /** The sealed file, relative to the manifest, below its folder. */
  readonly sealed: string;
  /** The media type of the opened file. */
  readonly type: string;
  /** Bytes of the opened file. */
  readonly size: number;
  /** The URL of its key. */
  readonly key: string;
  /** Units, at least 1. */
  readonly price: number;
}

export const manifestName = 'impuls.json';

const maxPathLength = 1024;
const mediaType = /^[\w!#$&^.+-]{1,63}\/[\w!#$&^.+-]{1,63}(?:; ?[\w.+-]{1,40}=[\w.+-]{1,60}){0,4}$/;

/** Unknown members are ignored. @throws ImpulsError `malformed`, `unsupported`, `too-large` */
export function parseManifest(bytes: Uint8Array): ContentManifest {
  if (bytes.length > limits.manifestBytes) throw new ImpulsError('too-large', 'the manifest is too long');
  const json = expectObject(parseJson(fromUtf8(bytes)), 'the manifest');
  if (json['version'] !== 1) throw new ImpulsError('unsupported', 'version of the manifest is not 1');
  const vendor = expectText(json['vendor'], 'vendor');
  const items = expectArray(json['items'], 'items');
  if (items.length > limits.manifestItems)
    throw new ImpulsError('too-large', 'the manifest lists too many files');
  const parsed = items.map((item, i) => parseItem(expectObject(item, `items[${i}]`), `items[${i}]`, vendor));
  const paths = new Set(parsed.map(({ path }) => path));
  if (paths.size < parsed.length) throw malformed('the manifest lists a file twice');
  const unit = json['unit'] === undefined ? undefined : parseUnit(json['unit']);
  return { vendor, ...(unit && { unit }), items: parsed };
}

/** @throws ImpulsError `too-large`, `malformed` for what `parseManifest` would not take */
export function formatManifest({ vendor, unit, items }: ContentManifest): string {
  const rows = items.map(({ path, sealed, type, size, key, price }) => {
    return JSON.stringify({ path, sealed, type, size, key, price });
  });
  const head = JSON.stringify({ version: 1, vendor, ...(unit && { unit }) }).slice(0, -1);
  const list = rows.length === 0 ? '' : `\n  ${rows.join(',\n  ')}\n`;
  const text = `${head},"items":[${list}]}\n`;
  parseManifest(utf8(text));
  return text;
}

function parseItem(json: JsonObject, where: string, vendor: string): ContentItem {
  const type = expectText(json['type'], `${where}.type`);
  if (!mediaType.test(type)) throw malformed(`${where}.type is not a media type`);
  const size = json['size'];
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw malformed(`${where}.size is not a number of bytes`);
  }
  const key = parseContentKeyUrl(expectText(json['key'], `${where}.key`));
  if (key.origin !== vendor) throw malformed(`${where}.key is not sold by the vendor`);
  const price = expectUint32(json['price'], `${where}.price`);
  if (price === 0) throw malformed(`${where}.price is nothing`);
  return {
    path: parsePath(json['path'], `${where}.path`),
    sealed: parsePath(json['sealed'], `${where}.sealed`),
    type,
    size,
    key: key.href,
    price,
  };
}

/** A path that leads nowhere but below the folder, on any system. */
function parsePath(value: JsonValue | undefined, where: string): string {
  const path = expectText(value, where);
  const holds =
    path.length <= maxPathLength &&
    !/[\\\p{Cc}]/u.test(path) &&
    !/^[a-z]:/i.test(path) &&
    path.split('/').every((name) => name !== '' && name !== '.' && name !== '..');
  if (!holds) throw malformed(`${where} is not a path below the folder`);
  return path;
}

function parseUnit(value: JsonValue): Unit {
  const json = expectObject(value, 'unit');
  const unit = {
    code: expectText(json['code'], 'unit.code'),
    currency: expectText(json['currency'], 'unit.currency'),
    value: expectText(json['value'], 'unit.value'),
  };
  const isToken = (text: string) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/.test(text);
  if (
    !isToken(unit.code) ||
    !isToken(unit.currency) ||
    !/^(?:0|[1-9]\d{0,8})(?:\.\d{1,9})?$/.test(unit.value)
  ) {
    throw malformed('unit is none');
  }
  return unit;
}
