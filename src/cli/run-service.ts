import type { Surroundings } from './surroundings.ts';

/** The file that is read where none is named. */
export const CONFIGURATION = 'carnet.yaml';

/** `carnet serve`. Its modules load when it is chosen: `exchange` in a pod needs none of them. */
export async function runService(options: { config: string }, surroundings: Surroundings): Promise<number> {
  const [{ serve }, { createApp }] = await Promise.all([import('./serve.ts'), import('../app.ts')]);
  return await serve(options, surroundings, createApp);
}
