import { runChecks } from './suite.js';

/** Where a runtime runs programs. */
console.log(JSON.stringify(await runChecks()));
