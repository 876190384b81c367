import { createHash } from 'node:crypto';
import { ImpulsError } from '../core/errors.js';
import { canonicalJson, parseJson, type JsonObject } from '../core/wire/canonical-json.js';
import {
  expectArray,
  expectBytes,
  expectObject,
  expectText,
  expectUint32,
} from '../core/wire/json-members.js';
import { toBase64url } from '../core/base64url.js';

/** What a backup of a vendor says of itself: `manifest.json`, written last. It holds no secret. */
export interface BackupManifest {
  readonly origin: string;
  readonly name: string;
  /** Unix seconds. */
  readonly created: number;
  /** D of the key document that was published, base64url. */
  readonly document: string;
  /**
   * `running`: the vendor may have gone on, so what is restored is quarantined. `final`: it was retired for good. `restored`: it
   * was final, and is in use again since; another restore of it is quarantined.
   */
  readonly state: BackupState;
  readonly files: readonly BackupFile[];
}

export type BackupState = 'running' | 'final' | 'restored';

export interface BackupFile {
  readonly name: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

export const manifestFile = 'manifest.json';
const kind = 'impuls vendor backup';
const states: readonly string[] = ['running', 'final', 'restored'] satisfies BackupState[];

export function formatManifest({ origin, name, created, document, state, files }: BackupManifest): string {
  const content: JsonObject = {
    kind,
    version: 1,
    origin,
    name,
    created,
    document,
    state,
    files: files.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 })),
  };
  return `${JSON.stringify({ ...content, checksum: checksumOf(content) }, null, 2)}\n`;
}

/** @throws ImpulsError `malformed`, also for one that was altered; `unsupported` for a later version */
export function parseManifest(text: string): BackupManifest {
  const { checksum, ...content } = expectObject(parseJson(text), manifestFile);
  if (content['kind'] !== kind) throw new ImpulsError('malformed', 'it is no backup of a vendor');
  if (content['version'] !== 1) {
    throw new ImpulsError('unsupported', 'the backup is of a later version', {
      hint: 'Restore it with the version of impuls that made it.',
    });
  }
  if (checksum !== checksumOf(content)) throw new ImpulsError('malformed', `${manifestFile} was altered`);
  const state = expectText(content['state'], 'state');
  if (!states.includes(state)) throw new ImpulsError('malformed', 'a backup in no state');
  return {
    origin: expectText(content['origin'], 'origin'),
    name: expectText(content['name'], 'name'),
    created: expectUint32(content['created'], 'created'),
    document: toBase64url(expectBytes(content['document'], 32, 'document')),
    state: state as BackupState,
    files: expectArray(content['files'], 'files').map(readFile),
  };
}

function readFile(value: unknown, i: number): BackupFile {
  const where = `files[${i}]`;
  const json = expectObject(value as JsonObject, where);
  const name = expectText(json['name'], `${where}.name`);
  const bytes = json['bytes'];
  const sha256 = expectText(json['sha256'], `${where}.sha256`);
  if (!/^[a-z][a-z0-9.-]{0,63}$/.test(name) || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new ImpulsError('malformed', `${where} is no file of a backup`);
  }
  if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0) {
    throw new ImpulsError('malformed', `${where}.bytes is no length`);
  }
  return { name, bytes, sha256 };
}

function checksumOf(content: JsonObject): string {
  return createHash('sha256').update(canonicalJson(content)).digest('hex');
}
