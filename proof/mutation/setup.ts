import fc from 'fast-check';

// Hundreds of changes are tried: each property gets a few chances to notice one, and always the same.
fc.configureGlobal({ numRuns: 5, seed: 1 });
