import { formatBackup, parseBackup } from '../../src/client/backup.js';
import { readBook } from '../../src/client/book.js';
import { isImpulsError } from '../../src/core/errors.js';
import { parseJson } from '../../src/core/wire/canonical-json.js';
import {
  formatManifest as formatBackupManifest,
  parseManifest as parseBackupManifest,
} from '../../src/node/backup-manifest.js';
import { fileKinds, formatLine, formatLog, parseLog } from '../../src/node/file-log-lines.js';
import { parsePlaylist } from '../../src/node/packing/hls-playlist.js';
import { codesHead, formatCodes, parseCodesFile } from '../../src/node/printing/codes-file.js';
import { parseProxyConfig } from '../../src/node/proxying/config.js';
import { matchesPath, parsePathPattern, readPath } from '../../src/node/proxying/paths.js';
import { parseSales } from '../../src/node/selling/sales-file.js';
import {
  decodeIdempotency,
  decodeItems,
  decodeList,
  decodeReply,
  decodeState,
  encodeIdempotency,
  encodeItems,
  encodeList,
  encodeReply,
  encodeState,
} from '../../src/node/sqlite/codec.js';
import { formatVendorSettings, parseVendorSettings } from '../../src/node/vendor/settings.js';
import { readItems } from '../../src/server/order-items.js';
import { accepted, bytesTarget, same, textOf, textTarget, type Target } from './target.js';

const log = formatLog(fileKinds.wallet, new Map([['a', 'b']]));
const logs = [log.log, Buffer.concat([log.log, formatLine(log.end, [['a', null]]).line])];

/** What a search changes has the right sums again, so that it gets behind them. */
function summed(text: string): Buffer {
  const [head = '{"impuls":"wallet","version":1}', ...lines] = text.split('\n');
  let end = { sum: '', size: 0 };
  const parts = [head, ...lines].map((json) => {
    const value = accepted(() => parseJson(json));
    const formatted = formatLine(end, value ?? json);
    end = formatted.end;
    return formatted.line;
  });
  return Buffer.concat(parts);
}

function checkLog(bytes: Buffer): void {
  const parsed = accepted(() => parseLog(fileKinds.wallet, bytes));
  if (!parsed) return;
  const again = parseLog(fileKinds.wallet, bytes.subarray(0, parsed.end.size));
  same(again, parsed, 'a log, its torn end cut off');
  same(
    parseLog(fileKinds.wallet, formatLog(fileKinds.wallet, parsed.records).log).records,
    parsed.records,
    'a log',
  );
}

const path = '/articles/%7Eid/../x';

export const fileTargets: readonly Target[] = [
  { name: 'file-log', seeds: () => logs, run: (bytes) => checkLog(Buffer.from(bytes)) },
  {
    name: 'file-log-json',
    seeds: () => ['{"impuls":"wallet","version":1}\n[["a","b"]]\n[["a",null],["c","d"]]'],
    run: (bytes) => checkLog(summed(textOf(bytes))),
  },
  {
    name: 'wallet-records',
    seeds: () => [
      'format\t1\nvendor:https://a.example\t{"document":"e30"}',
      'payment:1\t{"verdict":"accepted","time":1,"method":"GET","url":"/","units":1,"worth":"1","reference":"","fingerprint":"","card":"","vendor":"","protocol":"chain","end":1}',
      'account:x\t{"activated":true,"refused":false,"stale":false,"spent":1,"top":2,"free":[[1,2],[3,4]]}',
    ],
    run(bytes) {
      const rows = textOf(bytes)
        .split('\n')
        .map((line): [string, string] => {
          const [key = '', ...rest] = line.split('\t');
          return [key, rest.join('\t')];
        });
      try {
        readBook(new Map(rows));
      } catch (error) {
        if (!isImpulsError(error, 'storage-corrupt') && !isImpulsError(error, 'unsupported')) throw error;
      }
    },
  },
  textTarget('wallet-backup', parseBackup, formatBackup, () => [
    formatBackup({ cards: [], orders: [], credits: [] }),
  ]),
  textTarget('vendor-backup', parseBackupManifest, formatBackupManifest, () => [
    formatBackupManifest({
      origin: 'https://a.example',
      name: 'A',
      created: 1_800_000_000,
      document: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
      state: 'running',
      files: [{ name: 'ledger.db', bytes: 3, sha256: '0'.repeat(64) }],
    }),
  ]),
  bytesTarget('ledger-state', decodeState, encodeState, () => [
    encodeState({
      units: 100,
      spent: 3,
      top: 7,
      tip: new Uint8Array(32),
      gaps: [{ from: 0, to: 4, value: new Uint8Array(32) }],
    }),
  ]),
  bytesTarget('ledger-reply', decodeReply, encodeReply, () => [
    encodeReply({ status: 201, headers: [['a', 'b']], body: Uint8Array.of(1, 2) }),
  ]),
  bytesTarget('ledger-idempotency', decodeIdempotency, encodeIdempotency, () => [
    encodeIdempotency({ name: 'AAAAAAAAAAAAAAAAAAAAAA', print: 'AQEBAQEBAQEBAQEBAQEBAQ' }),
  ]),
  bytesTarget('ledger-items', decodeItems, encodeItems, () => [
    encodeItems([{ denomination: 1000, count: 2 }]),
  ]),
  bytesTarget('ledger-list', decodeList, encodeList, () => [
    encodeList([Uint8Array.of(1), new Uint8Array(0)]),
  ]),
  textTarget(
    'codes-file',
    parseCodesFile,
    (codes) => codesHead + formatCodes(codes),
    () => [
      `${codesHead}1,K7Q2M-ABCDE-FGHJK-MNPQR,https://a.example/#K7Q2MABCDEFGHJKMNPQR,100,"1,00 EUR",2027-01-01,1,1,A\r\n`,
    ],
  ),
  textTarget(
    'playlist',
    (text) => parsePlaylist('a.m3u8', text),
    undefined,
    () => [
      '#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:4,\na.m4s\n#EXT-X-ENDLIST\n',
      '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow/a.m3u8\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",URI="b.m3u8"\n',
    ],
  ),
  textTarget(
    'proxy-config',
    (text) => parseProxyConfig(text, { env: { KEY: 'k' } }),
    undefined,
    () => [
      '{"version":1,"upstream":"http://127.0.0.1:8080","routes":[{"method":"GET","path":"/a/{id}","price":3}],"headers":{"authorization":"Bearer ${KEY}"}}',
    ],
  ),
  {
    name: 'proxy-path',
    seeds: () => [`/articles/{id}\n${path}`, '/v1/*\n//a/%2e%2e/b', '/\n/%E0%A4%A'],
    run(bytes) {
      const [pattern = '', ...rest] = textOf(bytes).split('\n');
      const readings = readPath(rest.join('\n')) ?? [];
      const parsed = accepted(() => parsePathPattern(pattern));
      for (const reading of parsed ? readings : []) matchesPath(parsed!, reading);
      // A path that is a pattern by its letters is priced by it.
      if (parsed && !/[{}*]/.test(pattern)) {
        const own = readPath(pattern) ?? [];
        if (!own.some((reading) => matchesPath(parsed, reading)))
          throw new Error(`${pattern} is not priced by itself`);
      }
    },
  },
  textTarget('sales-settings', parseSales, undefined, () => [
    '{"version":1,"secrets":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],"tokens":[],"products":{},"stripe":[]}',
  ]),
  textTarget('vendor-settings', parseVendorSettings, formatVendorSettings, () => [
    '{"version":1,"origin":"https://a.example","name":"A","unit":{"code":"EUR-milli","currency":"EUR","value":"0.001"},"mode":"test","listen":{"host":"127.0.0.1","port":80},"routes":[{"path":"/a/*","price":1,"folder":"a"}],"retention":{"spendDays":3,"keyHours":4},"refunds":"none"}',
  ]),
  {
    name: 'order-items',
    seeds: () => ['[{"denomination":100,"count":2}]'],
    run: (bytes) => accepted(() => readItems(parseJson(textOf(bytes)))),
  },
];
