// A small writer of SVG charts. A chart brings its own ground, so that it can be read on light and dark pages alike.

export interface Series {
  readonly name: string;
  /** Points of x and y in rising order of x. */
  readonly points: readonly (readonly [number, number])[];
  readonly dashed?: boolean;
}

export interface Axis {
  readonly label: string;
  /** Values that get a mark, first and last of them the ends of the axis. */
  readonly ticks: readonly number[];
  readonly logarithmic?: boolean;
}

export interface LineChart {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

export interface BarChart {
  readonly title: string;
  readonly x: Axis;
  readonly bars: readonly { readonly name: string; readonly parts: readonly BarPart[] }[];
}

export interface BarPart {
  readonly name: string;
  readonly value: number;
}

const WIDTH = 760;
const HEIGHT = 400;
const FRAME = { left: 74, right: 24, top: 78, bottom: 58 } as const;
const COLOURS = ['#1b6ca8', '#c4501b', '#2e7d4f', '#8a4fa3', '#9a7400', '#5f6b76'] as const;
const BAR = 34;
const BAR_STEP = 56;

export function lineChart({ title, x, y, series }: LineChart): string {
  const across = scale(x, FRAME.left, WIDTH - FRAME.right);
  const up = scale(y, HEIGHT - FRAME.bottom, FRAME.top);
  const rows = y.ticks.map((tick) => {
    const at = up(tick);
    return line([FRAME.left, at], [WIDTH - FRAME.right, at]) + text(number(tick), [FRAME.left - 8, at + 4], 'end');
  });
  const lines = series.map(({ points, dashed }, index) => {
    const places = points.map(([px, py]) => `${round(across(px))},${round(up(py))}`);
    const dots = places.map((place) => {
      const [cx = '', cy = ''] = place.split(',');
      return `<circle cx="${cx}" cy="${cy}" r="3.2" fill="${colour(index)}"/>`;
    });
    const dash = dashed ? ' stroke-dasharray="6 4"' : '';
    return `<polyline points="${places.join(' ')}" fill="none" stroke="${colour(index)}" stroke-width="2.2"${dash}/>${dots.join('')}`;
  });
  const middle = (FRAME.top + HEIGHT - FRAME.bottom) / 2;
  const label = `<text x="18" y="${middle}" transform="rotate(-90 18 ${middle})" text-anchor="middle">${escaped(y.label)}</text>`;
  const names = series.map(({ name }) => name);
  const foot = [...xMarks(x, across, HEIGHT - FRAME.bottom), ...rows, label];
  return svg({ title, height: HEIGHT }, [...foot, ...lines, legend(names)]);
}

/** Bars that lie, each of parts one after the other; a part has the same colour in every bar. */
export function barChart({ title, x, bars }: BarChart): string {
  const names = [...new Set(bars.flatMap(({ parts }) => parts.map(({ name }) => name)))];
  const left = 150;
  const bottom = FRAME.top + bars.length * BAR_STEP + 6;
  const across = scale(x, left, WIDTH - FRAME.right - 40);
  const drawn = bars.map(({ name, parts }, row) => {
    const top = FRAME.top + row * BAR_STEP + 10;
    let sum = 0;
    const boxes = parts.map((part) => {
      const begin = across(sum);
      sum += part.value;
      const width = across(sum) - begin;
      return `<rect x="${round(begin)}" y="${top}" width="${round(width)}" height="${BAR}" fill="${colour(names.indexOf(part.name))}"/>`;
    });
    const total = text(sum.toFixed(1), [across(sum) + 6, top + BAR / 2 + 4], 'start');
    return text(name, [left - 10, top + BAR / 2 + 4], 'end') + boxes.join('') + total;
  });
  return svg({ title, height: bottom + FRAME.bottom }, [...xMarks(x, across, bottom), ...drawn, legend(names)]);
}

type Place = readonly [number, number];

function scale({ ticks, logarithmic = false }: Axis, from: number, to: number): (value: number) => number {
  const on = (value: number) => (logarithmic ? Math.log10(value) : value);
  const [first = 0, last = 1] = [ticks[0], ticks.at(-1)];
  return (value) => from + ((on(value) - on(first)) / (on(last) - on(first))) * (to - from);
}

function xMarks(axis: Axis, across: (value: number) => number, bottom: number): readonly string[] {
  const marks = axis.ticks.map((tick) => {
    const at = across(tick);
    return line([at, FRAME.top], [at, bottom]) + text(number(tick), [at, bottom + 18], 'middle');
  });
  const [first = 0, last = 0] = [axis.ticks[0], axis.ticks.at(-1)];
  return [...marks, text(axis.label, [(across(first) + across(last)) / 2, bottom + 42], 'middle')];
}

function legend(names: readonly string[]): string {
  let at: number = FRAME.left;
  const entries = names.map((name, index) => {
    const entry = `<rect x="${at}" y="44" width="12" height="12" fill="${colour(index)}"/>${text(name, [at + 17, 54], 'start')}`;
    at += 38 + name.length * 7;
    return entry;
  });
  return entries.join('');
}

function svg({ title, height }: { readonly title: string; readonly height: number }, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" font-family="system-ui, Helvetica, Arial, sans-serif" font-size="12.5" fill="#24292f">
<title>${escaped(title)}</title>
<rect width="${WIDTH}" height="${height}" rx="8" fill="#fbfcfd" stroke="#d0d7de"/>
<text x="${FRAME.left}" y="28" font-size="15" font-weight="600">${escaped(title)}</text>
${parts.join('\n')}
</svg>
`;
}

function line([x1, y1]: Place, [x2, y2]: Place): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="#d8dee4"/>`;
}

function text(words: string, [x, y]: Place, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escaped(words)}</text>`;
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length] ?? COLOURS[0];
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function number(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 2 });
}

/** Marks at round values from nothing to at least this; about five of them. */
export function ticksTo(most: number): readonly number[] {
  const rough = most / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((one) => one >= rough) ?? rough;
  const count = Math.ceil(most / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

/** Powers of ten around all values, which must be above nothing. */
export function decadesAround(values: readonly number[]): readonly number[] {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  return Array.from({ length: high - low + 1 }, (_, index) => Number((10 ** (low + index)).toPrecision(12)));
}
