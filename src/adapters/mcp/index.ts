/** Paying for tools of the Model Context Protocol, and giving agents a wallet: `impuls/mcp`. */
export {
  paidTool,
  type PaidExtra,
  type PricedTool,
  type ToolCall,
  type ToolConfig,
  type ToolRoute,
} from './paid-tool.js';
export {
  payingClient,
  paymentOfResult,
  type PayingClient,
  type PayingClientOptions,
} from './paying-client.js';
export type { BudgetStorage, Caps } from './budget.js';
export { createWalletServer, type WalletServerOptions } from './wallet-server.js';
