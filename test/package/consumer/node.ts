import { createServer, type Server } from 'node:http';
import { openWallet, type Wallet } from 'impuls/client';
import { openFileStorage } from 'impuls/client/file';
import { createVendor, type VendorOptions } from 'impuls/server';
import { createNodeHandler, createPaidNodeHandler } from 'impuls/server/node';
import { openSqliteLedger } from 'impuls/server/sqlite';
import { ledgerCases, storageCases } from 'impuls/testing';

/** Compiles with the types of Node, and without those of the optional peers. */

export async function serve(options: Omit<VendorOptions, 'ledger'>): Promise<Server> {
  const vendor = createVendor({ ...options, ledger: await openSqliteLedger({ path: 'ledger.db' }) });
  const own = createNodeHandler(vendor);
  const paid = createPaidNodeHandler(vendor.gate({ price: 1 }), (_, res) => void res.end('worth it'));
  return createServer((req, res) => void (req.url === '/article' ? paid(req, res) : own(req, res)));
}

export const open = async (): Promise<Wallet> => openWallet({ storage: await openFileStorage('wallet') });

export const suites = [ledgerCases, storageCases];
