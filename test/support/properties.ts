import fc from 'fast-check';

/**
 * In CI the same cases in each run: it fails for what somebody has changed, never by chance. Elsewhere each run draws others, and
 * a failure tells the seed to draw them again.
 */
if (process.env['CI'] !== undefined) fc.configureGlobal({ seed: 20_261_128 });

export { fc };
