import { lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { Reach } from './addresses.ts';
import { assertReachable } from './destination.ts';

type LookupAddress = { readonly address: string; readonly family: number };

/** Name to addresses; `dns.lookup` with `all`. Tests put a double here. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

export const systemResolve: Resolve = (hostname) =>
  new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true }, (error, addresses) => {
      if (error === null) resolve(addresses);
      else reject(error);
    });
  });

/**
 * The lookup of one door's sockets. The answer that is checked is the answer that is connected to, so a name that is
 * rebound between two queries gains nothing. Sockets that open together share one query: a name server that hangs
 * holds one resolver thread per origin, not all of them.
 */
export function checkedLookup(resolve: Resolve, host: string, reach: Reach): LookupFunction {
  let flight: Promise<readonly LookupAddress[]> | undefined;
  const query = (hostname: string) => {
    flight ??= resolve(hostname).finally(() => {
      flight = undefined;
    });
    return flight;
  };
  return (hostname, options, callback) => {
    query(hostname)
      .then((addresses) => {
        const [first] = addresses;
        if (first === undefined) throw Object.assign(new Error('no address'), { code: 'ENOTFOUND' });
        assertReachable(
          host,
          addresses.map(({ address }) => address),
          reach,
        );
        return { first, addresses };
      })
      .then(
        ({ first, addresses }) => {
          if (options.all === true) callback(null, [...addresses]);
          else callback(null, first.address, first.family);
        },
        (error) => callback(error, '', 0),
      );
  };
}
