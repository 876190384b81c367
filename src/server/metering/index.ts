/** Streams that cost as they go on, and answers priced by tokens: `impuls/server/metering`. */
export { meterBytes, meterSeconds, type MeterBytesOptions, type MeterSecondsOptions } from './bodies.js';
export { meterEvents, type MeteredEvent, type MeterEventsOptions } from './events.js';
export type { Meter, MeterEnd, MeteringOptions } from './meter.js';
export {
  createMeteredSockets,
  type MeteredSocket,
  type MeteredSocketHandler,
  type MeteredSockets,
  type MeteredSocketsOptions,
  type ServerSocket,
  type UpgradeRequest,
} from './sockets.js';
export {
  createTokenPricer,
  readCompletionRequest,
  type CompletionRequest,
  type TokenPricer,
  type TokenPrices,
  type TokenUsage,
} from './token-prices.js';
export { createTokenMeter, type TokenCall, type TokenMeter } from './tokens.js';
