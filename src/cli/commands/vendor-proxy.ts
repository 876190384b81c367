import { join } from 'node:path';
import { ImpulsError } from '../../core/errors.js';
import { openVendorFolder } from '../../node/vendor/folder.js';
import type { PayingProxy } from '../../node/proxying/proxy.js';
import { defineCommand } from '../command.js';
import {
  describeRoute,
  formatPriceList,
  loadProxying,
  priceListOf,
  readPriceList,
  watchPriceList,
} from '../serving/price-list.js';
import { serveUntilStopped, servingOptions } from '../serving/running.js';

export const vendorProxy = defineCommand({
  name: 'vendor proxy',
  summary: 'Take payment for an API that is there already',
  usage: '[folder] --upstream <url> [options]',
  options: {
    upstream: { type: 'string', value: '<url>', help: 'Where requests go; default: that of the price list' },
    config: { type: 'string', value: '<file>', help: 'The price list; default: proxy.json in the folder' },
    price: {
      type: 'string',
      multiple: true,
      value: '<path=units>',
      help: "Without a price list: what a path costs, such as '/search=2' or 'POST /v1/*=3'; the rest is free",
    },
    check: { type: 'boolean', help: 'Say what is wrong with the price list, or show it, and end' },
    ...servingOptions,
  },
  words: [0, 1],
  notes:
    'Requests that have a price are served once they are paid for, all others pass as they are; WebSockets, too.\nThe upstream must be reachable through this proxy only. It never sees a payment. What it answers with 400 or\nabove, and what it does not answer, costs nothing.\n\nThe price list is read again when it changes, or at SIGHUP; one that does not hold changes nothing. Begin it with\n{"$schema": "./node_modules/impuls/schema/proxy.json"} and your editor knows its members.\n\nEverything else is as with `impuls vendor serve`, but for the files of vendor.json, which are not served.',
  examples: [
    "impuls vendor proxy shop --upstream http://127.0.0.1:3000 --price '/search=2'",
    'impuls vendor proxy shop --config prices.json --check',
  ],
  async run({ terminal, values, positionals, env }) {
    const path = positionals[0] ?? '.';
    const file = values.config ?? join(path, 'proxy.json');
    const written = await readPriceList(file);
    if (written === undefined && values.config !== undefined) {
      throw new ImpulsError('invalid-argument', `there is no price list ${file}`, {
        hint: 'Write it, or say --price.',
      });
    }
    if (written !== undefined && values.price !== undefined) {
      throw new ImpulsError('invalid-argument', `--price and the price list ${file} are both there`, {
        hint: 'Write the prices into the list.',
      });
    }
    const proxying = await loadProxying();
    const options = { upstream: values.upstream, env };
    const text = written ?? priceListOf(values.price ?? []);
    if (values.check) {
      const read = proxying.readProxyConfig(text, options);
      if ('config' in read) {
        const { routes, rest } = read.config;
        if (terminal.json) {
          const others = rest ? describeRoute(rest) : 'refuse';
          terminal.printJson({ ok: true, routes: routes.map(describeRoute), default: others });
        } else terminal.print(formatPriceList(read.config, undefined, terminal.paint));
        return 0;
      }
      if (terminal.json) terminal.printJson({ ok: false, problems: read.problems });
      else for (const { line, what } of read.problems) terminal.print(`${file}:${line} ${what}`);
      return 1;
    }
    const folder = await openVendorFolder(path);
    const config = proxying.parseProxyConfig(text, { ...options, file });
    if (![...config.routes, config.rest].some((route) => route && route.price > 0)) {
      terminal.note('Nothing has a price: everything passes free. Say --price, or write proxy.json.');
    }
    let proxy: PayingProxy | undefined;
    let stop = (): void => {};
    try {
      await serveUntilStopped(terminal, values, folder, {
        routes: [],
        openBackstop(vendor, { clientHeader, onError, onPaid }) {
          proxy = proxying.openProxy(vendor, config, {
            clientHeader,
            onError,
            onPaid(req, { units, verdict, fingerprint }) {
              const { method = '', url: target = '' } = req;
              onPaid({ event: 'paid', method, target, units, verdict, fingerprint });
            },
          });
          if (written === undefined) return proxy;
          stop = watchPriceList(file, proxying, options, {
            onError,
            onConfig(next) {
              proxy?.replaceConfig(next);
              if (terminal.json)
                terminal.printJsonLine({ event: 'prices', routes: next.routes.map(describeRoute) });
              else
                terminal.print(
                  `\nThe price list has changed.\n\n${formatPriceList(next, folder.document.unit, terminal.paint)}`,
                );
            },
            onProblems(problems) {
              if (terminal.json) terminal.printJsonLine({ event: 'prices-refused', problems });
              else
                terminal.note(
                  ['The price list does not hold, so the old one stays.', ...problems].join('\n'),
                );
            },
          });
          return proxy;
        },
        table: ({ paint }) => formatPriceList(config, folder.document.unit, paint),
        ready: { routes: config.routes.map(describeRoute) },
      });
    } finally {
      stop();
    }
    return 0;
  },
});
