import { type Profiler, Session } from 'node:inspector';

/** What one run has touched: how often each block of the watched sources ran. */
export interface Touched {
  /** Block and the magnitude of its count, as text: new ones make an input worth keeping. */
  readonly features: readonly string[];
  /** Blocks run, loops counted each time: a measure of work that does not depend on the machine. */
  readonly steps: number;
}

export type Measure = (run: () => void) => Touched;

/**
 * Counts blocks by the precise coverage of V8 itself, in sources whose URL the pattern matches. One may exist in a
 * process at a time; the sources must not run between two measurements.
 */
export function blockCoverage(sources: RegExp): { readonly measure: Measure; readonly close: () => void } {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  const take = (): readonly Profiler.ScriptCoverage[] => {
    let taken: readonly Profiler.ScriptCoverage[] = [];
    // Within one thread the answer comes before post returns.
    session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error) throw error;
      taken = result.filter(({ url }) => sources.test(url));
    });
    return taken;
  };
  take();
  return {
    measure: (run) => {
      run();
      return touched(take());
    },
    close: () => session.disconnect(),
  };
}

function touched(scripts: readonly Profiler.ScriptCoverage[]): Touched {
  const features: string[] = [];
  let steps = 0;
  for (const { scriptId, functions } of scripts) {
    for (const { startOffset, endOffset, count } of functions.flatMap(({ ranges }) => ranges)) {
      steps += count;
      if (count > 0) features.push(`${scriptId}:${startOffset}-${endOffset}:${Math.floor(Math.log2(count))}`);
    }
  }
  return { features, steps };
}
