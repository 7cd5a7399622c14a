import { askingClient, carnet, during, residentMebibytes, type Variant } from './test-bed.ts';

/** How often memory is looked at on the way. */
export const STEPS = 10;

/** Resident memory of one process over very many exchanges, from the end of its warm-up. */
export const growth: Variant = {
  name: 'growth',
  once: true,
  async measure(bed) {
    const { growth: exchanges, warmRequests } = bed.counts;
    const server = await carnet(bed);
    const client = askingClient(bed, server.url);
    return await during([server], [client], async () => {
      await client.run(warmRequests);
      const figures: Record<string, number> = {
        'growth.exchanges': exchanges,
        'growth.0': residentMebibytes(server),
      };
      for (let step = 1; step <= STEPS; step += 1) {
        await client.run(exchanges / STEPS);
        figures[`growth.${step}`] = residentMebibytes(server);
      }
      return figures;
    });
  },
};
