import { ImpulsError, malformed } from '../../core/errors.js';
import type { Unit } from '../../core/key-document.js';
import { limits } from '../../core/limits.js';
import { parseJson, type JsonObject, type JsonValue } from '../../core/wire/canonical-json.js';
import { expectArray, expectObject, expectText } from '../../core/wire/json-members.js';

/** What a vendor decides and may edit: `vendor.json`. Nothing in it is secret. */
export interface VendorSettings {
  /** Where clients reach the vendor, e.g. `https://news.example`. Cards are bound to it: it never changes. */
  readonly origin: string;
  /** For people. */
  readonly name: string;
  /** What units are worth. Never changes either. */
  readonly unit: Unit;
  readonly mode: VendorMode;
  readonly listen: { readonly host: string; readonly port: number };
  readonly routes: readonly StaticRoute[];
  /** Default: `defaultRetention`. */
  readonly retention?: Retention;
  /** Default `none`. */
  readonly refunds?: Refunds;
  /**
   * Where the ledger is, if it is in PostgreSQL: `postgres://impuls@db.internal/impuls`, without a password. Default: in `ledger.db`, in
   * the folder.
   */
  readonly database?: string;
}

/** `reference`: what is left on a card is paid out to whoever shows the reference of its refund. `none`: cards are exchanged only. */
export type Refunds = 'reference' | 'none';

/** Whether cards are sold for money. Events of payments of the other kind are refused. */
export type VendorMode = 'test' | 'live';

/** How long what is known of a payment is kept. What it cost stays in the books, which name no card. */
export interface Retention {
  /** Days after which the record of a claim is erased, 1 to 3,650. Published as `policy.retention`. */
  readonly spendDays: number;
  /** Hours for which a payment is answered again; then its key and its answer are erased. 1 to 24 times `spendDays`. */
  readonly keyHours: number;
}

export const defaultRetention: Retention = { spendDays: 40, keyHours: 24 };

/** Static files behind a price. */
export interface StaticRoute {
  /** A path, or with a last segment `*` all paths that begin so: `/articles/*`. */
  readonly path: string;
  /** Units for one request; 0 for free. */
  readonly price: number;
  /** Where the files are: absolute, or relative to the vendor folder. */
  readonly folder: string;
}

/** As they are to be written: what is undefined is left out. */
type WrittenSettings = Omit<VendorSettings, 'database'> & { readonly database?: string | undefined };

const members = [
  'version',
  'origin',
  'name',
  'unit',
  'mode',
  'listen',
  'routes',
  'retention',
  'refunds',
  'database',
];
const routeMembers = ['path', 'price', 'folder'];

/** @throws ImpulsError `malformed` that names the member */
export function parseVendorSettings(text: string): VendorSettings {
  const json = expectObject(parseJson(text), 'the file');
  if (json['version'] !== 1) throw new ImpulsError('unsupported', 'version is not 1');
  refuseUnknown(json, members, '');
  const unit = expectObject(json['unit'], 'unit');
  refuseUnknown(unit, ['code', 'currency', 'value'], 'unit.');
  const { retention, refunds, database } = json;
  const listen = expectObject(json['listen'], 'listen');
  refuseUnknown(listen, ['host', 'port'], 'listen.');
  return {
    origin: readOrigin(json['origin']),
    name: expectText(json['name'], 'name'),
    unit: {
      code: expectText(unit['code'], 'unit.code'),
      currency: expectText(unit['currency'], 'unit.currency'),
      value: expectText(unit['value'], 'unit.value'),
    },
    mode: readMode(json['mode']),
    listen: {
      host: expectText(listen['host'], 'listen.host'),
      port: wholeNumber(listen['port'], 0, 65_535, 'listen.port'),
    },
    routes: expectArray(json['routes'], 'routes').map((route, i) => readRoute(route, `routes[${i}]`)),
    ...(retention !== undefined && { retention: readRetention(retention) }),
    ...(refunds !== undefined && { refunds: readRefunds(refunds) }),
    ...(database !== undefined && { database: readDatabase(database) }),
  };
}

/** Who has not said that it is a test sells for money: a test's payment must not buy cards that are worth something. */
function readMode(value: JsonValue | undefined): VendorMode {
  if (value === undefined || value === 'live' || value === 'test') return value ?? 'live';
  throw malformed('mode is neither "test" nor "live"');
}

/** @throws ImpulsError `malformed` */
export function readRefunds(value: JsonValue): Refunds {
  if (value === 'reference' || value === 'none') return value;
  throw malformed('refunds is neither "reference" nor "none"');
}

function readDatabase(value: JsonValue): string {
  const address = expectText(value, 'database');
  checkDatabase(address);
  if (withoutPassword(address) === address) return address;
  throw malformed('database holds a password, and everybody may read this file: say it in IMPULS_DATABASE');
}

/** @throws ImpulsError `malformed`, which does not repeat what may hold a password */
export function checkDatabase(address: string): void {
  if (/^postgres(?:ql)?:\/\/\S+$/.test(address) && address.length <= 2000) return;
  throw malformed('a database is named like postgres://impuls@db.internal/impuls');
}

/** An address of PostgreSQL as anybody may see it. */
export function withoutPassword(address: string): string {
  return address
    .replace(/^([a-z]+:\/\/[^:@/?#]*):.*@/, '$1@')
    .replace(/([?&])password=[^&#]*&?/g, '$1')
    .replace(/[?&]$/, '');
}

export function formatVendorSettings(settings: WrittenSettings): string {
  const { origin, name, unit, mode, listen, routes, retention, refunds, database } = settings;
  const written = { version: 1, origin, name, unit, mode, listen, routes, retention, refunds, database };
  return `${JSON.stringify(written, null, 2)}\n`;
}

function readRetention(value: JsonValue): Retention {
  const json = expectObject(value, 'retention');
  refuseUnknown(json, ['spendDays', 'keyHours'], 'retention.');
  const { spendDays = defaultRetention.spendDays, keyHours = defaultRetention.keyHours } = json;
  const days = wholeNumber(spendDays, 1, 3650, 'retention.spendDays');
  return { spendDays: days, keyHours: wholeNumber(keyHours, 1, 24 * days, 'retention.keyHours') };
}

function readRoute(value: JsonValue, where: string): StaticRoute {
  const json = expectObject(value, where);
  refuseUnknown(json, routeMembers, `${where}.`);
  const path = expectText(json['path'], `${where}.path`);
  if (!/^\/(?:[^*?#\s]*\/)?(?:\*|[^*?#\s]*)$/.test(path)) {
    throw malformed(`${where}.path is not a path such as "/articles/*": a star stands at the end only`);
  }
  return {
    path,
    price: wholeNumber(json['price'], 0, limits.maxUint32, `${where}.price`),
    folder: expectText(json['folder'], `${where}.folder`),
  };
}

function readOrigin(value: JsonValue | undefined): string {
  const origin = expectText(value, 'origin');
  if (!URL.canParse(origin) || new URL(origin).origin !== origin || !/^https?:/.test(origin)) {
    throw malformed('origin is not like "https://news.example": no path, no slash at the end');
  }
  return origin;
}

function wholeNumber(value: JsonValue | undefined, least: number, most: number, what: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw malformed(`${what} is not a whole number from ${least} to ${most}`);
  }
  return value;
}

function refuseUnknown(json: JsonObject, known: readonly string[], where: string): void {
  const name = Object.keys(json).find((key) => !known.includes(key));
  if (name !== undefined) throw malformed(`${where}${name} is unknown; known are ${known.join(', ')}`);
}
