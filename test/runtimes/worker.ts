import { runChecks } from './suite.js';

/** Where a runtime answers requests. */
export default {
  fetch: async (): Promise<Response> => Response.json(await runChecks()),
};
