import type { Spread } from './harness.ts';

export interface Bar {
  readonly label: string;
  /** In the unit of the axis; the whisker goes from least to greatest. */
  readonly value: Spread;
  /** The one that the others are beside. */
  readonly isOurs?: boolean;
}

const width = 760;
const labelWidth = 250;
/** Room for the text behind the longest bar. */
const valueWidth = 170;
const barHeight = 18;
const rowHeight = 30;
const top = 66;
const margin = 20;

// A page's theme does not reach into an image: it brings its background with it.
const style = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .background { fill: #ffffff }
  .title { font-size: 15px; font-weight: 600 }
  .note, .spread { fill: #59636e }
  .bar { fill: #8c959f }
  .ours { fill: #0969da }
  .whisker { stroke: #1f2328; stroke-width: 1.5 }
  .axis { stroke: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .background { fill: #0d1117 }
    .note, .spread { fill: #9198a1 }
    .bar { fill: #656c76 }
    .ours { fill: #4493f8 }
    .whisker { stroke: #f0f6fc }
    .axis { stroke: #3d444d }
  }
`;

/** Bars from the greatest to the least, each with its spread as a whisker. */
export function drawChart(chart: {
  readonly title: string;
  readonly note: string;
  readonly bars: readonly Bar[];
  format(value: number): string;
}): string {
  const bars = chart.bars.toSorted((a, b) => b.value.median - a.value.median);
  const greatest = Math.max(...bars.map(({ value }) => value.max));
  const height = top + bars.length * rowHeight + margin;
  const left = margin + labelWidth;
  const x = (value: number) =>
    round(left + (value / greatest) * (width - left - valueWidth - margin));

  const rows = bars.map(({ label, value, isOurs = false }, index) => {
    const y = top + index * rowHeight;
    const middle = y + barHeight / 2;
    const text = chart.format(value.median);
    const spread = `${chart.format(value.min)} to ${chart.format(value.max)}`;
    return `
  <g>
    <title>${escape(`${label}: ${text} (${spread})`)}</title>
    <text x="${left - 10}" y="${middle + 4.5}" text-anchor="end">${escape(label)}</text>
    <rect class="bar${isOurs ? ' ours' : ''}" x="${left}" y="${y}" width="${round(x(value.median) - left)}" height="${barHeight}" rx="2"/>${isOurs ? '' : whisker(x(value.min), x(value.max), middle)}
    <text x="${round(Math.max(x(value.median), x(value.max)) + 10)}" y="${middle + 4.5}">${escape(text)}${isOurs ? '' : ` <tspan class="spread">${escape(spread)}</tspan>`}</text>
  </g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(chart.title)}">
  <style>${style}  </style>
  <rect class="background" width="${width}" height="${height}"/>
  <text class="title" x="${margin}" y="28">${escape(chart.title)}</text>
  <text class="note" x="${margin}" y="48">${escape(chart.note)}</text>
  <line class="axis" x1="${left}" y1="${top - 6}" x2="${left}" y2="${height - margin}"/>${rows.join('')}
</svg>
`;
}

function whisker(from: number, to: number, middle: number): string {
  const end = (x: number) =>
    `<line class="whisker" x1="${x}" y1="${middle - 4}" x2="${x}" y2="${middle + 4}"/>`;
  return `
    <line class="whisker" x1="${from}" y1="${middle}" x2="${to}" y2="${middle}"/>${end(from)}${end(to)}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
