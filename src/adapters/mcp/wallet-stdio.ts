import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import type { Readable, Writable } from 'node:stream';
import { createWalletServer, type WalletServerOptions } from './wallet-server.js';

/** Serves the wallet to the program that started this process. @returns when that one has gone */
export async function serveWallet(
  options: WalletServerOptions,
  stdin: Readable,
  stdout: Writable,
): Promise<void> {
  const server = createWalletServer(options);
  const ended = new Promise<void>((resolve) => {
    stdin.once('end', resolve).once('close', resolve);
  });
  await server.connect(new StdioServerTransport(stdin, stdout));
  await ended;
  await server.close();
}
