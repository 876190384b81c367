/** Streams that cost as they go on: `impuls/client/metered`. */
export type { StreamEvent } from '../core/event-stream.js';
export { meteredEvents, type MeteredEventsOptions } from './metered-events.js';
export {
  openMeteredSocket,
  type MeteredSocket,
  type MeteredSocketOptions,
  type SocketLike,
} from './metered-socket.js';
export {
  createMeteredFetch,
  openMeteredStream,
  type MeteredEnd,
  type MeteredOptions,
  type MeteredStream,
} from './metered-stream.js';
