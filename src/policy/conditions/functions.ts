import { LIST, MAP, type Type } from './types.ts';

/** One form of a function. */
export interface Overload {
  readonly target?: Type;
  readonly args: readonly Type[];
  readonly result: Type;
  /** The last argument must be written out, so that it is checked at load, as what it says. */
  readonly literal?: LiteralKind;
}
export type LiteralKind = 'pattern' | 'zone' | 'timestamp' | 'duration';

const NUMBERS: readonly Type[] = ['int', 'uint', 'double'];
const ORDERED: readonly Type[] = ['bool', 'string', 'bytes', 'timestamp', 'duration'];
const CALENDAR = ['getFullYear', 'getMonth', 'getDate', 'getDayOfMonth', 'getDayOfWeek', 'getDayOfYear'];
const TIME_OF_DAY = ['getHours', 'getMinutes', 'getSeconds', 'getMilliseconds'];

const comparisons: readonly Overload[] = [
  ...ORDERED.map((one): Overload => ({ args: [one, one], result: 'bool' })),
  ...NUMBERS.flatMap((left) => NUMBERS.map((right): Overload => ({ args: [left, right], result: 'bool' }))),
];
const arithmetic = NUMBERS.map((one): Overload => ({ args: [one, one], result: one }));
const durations: Overload = { args: ['duration', 'duration'], result: 'duration' };
const textTests: readonly Overload[] = [{ target: 'string', args: ['string'], result: 'bool' }];
const sized: readonly Type[] = ['string', 'bytes', LIST, MAP];

/**
 * Every function that a condition may call: a closed list, of which each has a known cost and gives the same answer for
 * the same values. Operators that work on any type are with the checker.
 */
export const FUNCTIONS: ReadonlyMap<string, readonly Overload[]> = new Map<string, readonly Overload[]>([
  ['!_', [{ args: ['bool'], result: 'bool' }]],
  [
    '-_',
    [
      { args: ['int'], result: 'int' },
      { args: ['double'], result: 'double' },
    ],
  ],
  ['_<_', comparisons],
  ['_<=_', comparisons],
  ['_>_', comparisons],
  ['_>=_', comparisons],
  [
    '_+_',
    [
      ...arithmetic,
      { args: ['string', 'string'], result: 'string' },
      { args: ['bytes', 'bytes'], result: 'bytes' },
      { args: [LIST, LIST], result: LIST },
      { args: ['timestamp', 'duration'], result: 'timestamp' },
      { args: ['duration', 'timestamp'], result: 'timestamp' },
      durations,
    ],
  ],
  ['_-_', [...arithmetic, { args: ['timestamp', 'duration'], result: 'timestamp' }, durations]],
  ['_*_', arithmetic],
  ['_/_', arithmetic],
  ['_%_', arithmetic.filter(({ result }) => result !== 'double')],
  [
    'size',
    sized.flatMap((type): Overload[] => [
      { args: [type], result: 'int' },
      { target: type, args: [], result: 'int' },
    ]),
  ],
  ['contains', textTests],
  ['startsWith', textTests],
  ['endsWith', textTests],
  ['matches', [{ target: 'string', args: ['string'], result: 'bool', literal: 'pattern' }]],
  [
    'int',
    [
      { args: ['string'], result: 'int' },
      { args: ['double'], result: 'int' },
      { args: ['int'], result: 'int' },
    ],
  ],
  ['string', (['string', 'bool', 'int', 'double'] as const).map((one) => ({ args: [one], result: 'string' }))],
  ['timestamp', [{ args: ['string'], result: 'timestamp', literal: 'timestamp' }]],
  ['duration', [{ args: ['string'], result: 'duration', literal: 'duration' }]],
  ...CALENDAR.map((name): [string, readonly Overload[]] => [name, calendar()]),
  ...TIME_OF_DAY.map((name): [string, readonly Overload[]] => [
    name,
    [...calendar(), { target: 'duration', args: [], result: 'int' }],
  ]),
]);

/** In UTC, or in the zone that is named. */
function calendar(): readonly Overload[] {
  return [
    { target: 'timestamp', args: [], result: 'int' },
    { target: 'timestamp', args: ['string'], result: 'int', literal: 'zone' },
  ];
}
