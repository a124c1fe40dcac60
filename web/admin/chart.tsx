import { useState, type PointerEvent, type ReactElement } from 'react';
import { texts } from '../texts.ts';
import { formatClock, formatDateAndTime, formatNumber } from '../ui/format.ts';
import { barsOf, lineOf, scaleOf } from './chart-shapes.ts';

export interface ChartPoint {
  readonly at: string;
  readonly value: number;
}

interface ChartProps {
  readonly title: string;
  readonly period: string;
  readonly points: readonly ChartPoint[];
  /** Bars for what happened in a step, a line for what was there at its end. */
  readonly as: 'bars' | 'line';
  readonly tone: 'accent' | 'warning';
}

const width = 480;
const height = 112;

/** A series over time: drawn, and as a table for who would rather read. */
export function Chart(props: ChartProps): ReactElement {
  const { title, period, points, as, tone } = props;
  const [pointed, setPointed] = useState<number | null>(null);
  const values = points.map(({ value }) => value);
  const top = scaleOf(values);
  const shown = pointed === null ? undefined : points[pointed];

  function point(event: PointerEvent<SVGSVGElement>): void {
    const { left, width: wide } = event.currentTarget.getBoundingClientRect();
    const index = Math.floor(((event.clientX - left) / wide) * points.length);
    setPointed(Math.min(points.length - 1, Math.max(0, index)));
  }

  return (
    <section className="card min-w-0 p-4 sm:p-5">
      <div className="flex items-baseline justify-between gap-3">
        <h2 className="font-medium">{title}</h2>
        <p className="text-[0.8125rem] whitespace-nowrap text-muted tabular-nums">
          {shown ? (
            <>
              <span className="font-medium text-ink">{formatNumber(shown.value)}</span>
              {' · '}
              {formatClock(shown.at)}
            </>
          ) : (
            period
          )}
        </p>
      </div>
      <div className="relative mt-4">
        <svg
          role="img"
          aria-label={`${texts.overview.chartOf(title, period)}. ${summarize(points)}`}
          viewBox={`0 0 ${width} ${height}`}
          preserveAspectRatio="none"
          className={`h-28 w-full touch-pan-y ${tone === 'accent' ? 'text-accent' : 'text-warning'}`}
          onPointerMove={point}
          onPointerLeave={() => setPointed(null)}
        >
          <Grid />
          {as === 'bars' ? (
            <Bars values={values} top={top} pointed={pointed} />
          ) : (
            <Line values={values} top={top} />
          )}
        </svg>
        <p
          aria-hidden
          className="pointer-events-none absolute top-1 left-0 bg-surface/80 pr-1 text-[0.6875rem] leading-none text-muted tabular-nums"
        >
          {formatNumber(top)}
        </p>
      </div>
      <div aria-hidden className="mt-1.5 flex justify-between text-[0.6875rem] text-muted">
        <span>{points[0] && formatClock(points[0].at)}</span>
        <span>{texts.overview.now}</span>
      </div>
      <details className="mt-3 text-[0.8125rem]">
        <summary className="w-fit rounded-sm text-muted hover:text-ink">
          {texts.overview.showTable}
        </summary>
        <PointTable title={title} points={points} />
      </details>
    </section>
  );
}

function Grid(): ReactElement {
  return (
    <g className="stroke-line">
      {[0.5, height / 2, height - 0.5].map((y) => (
        <line key={y} x1="0" x2={width} y1={y} y2={y} vectorEffect="non-scaling-stroke" />
      ))}
    </g>
  );
}

function Bars(props: {
  readonly values: readonly number[];
  readonly top: number;
  readonly pointed: number | null;
}): ReactElement {
  return (
    <g fill="currentColor">
      {barsOf(props.values, { top: props.top, width, height }).map((bar, index) => (
        <rect
          key={bar.x}
          {...bar}
          rx="1"
          opacity={props.pointed === null || props.pointed === index ? 1 : 0.45}
        />
      ))}
    </g>
  );
}

function Line(props: { readonly values: readonly number[]; readonly top: number }): ReactElement {
  const path = lineOf(props.values, { top: props.top, width, height });
  return (
    <>
      <path d={`${path} V${height} H0 Z`} fill="currentColor" opacity="0.12" />
      <path
        d={path}
        fill="none"
        stroke="currentColor"
        strokeWidth="2"
        strokeLinejoin="round"
        vectorEffect="non-scaling-stroke"
      />
    </>
  );
}

function PointTable(props: {
  readonly title: string;
  readonly points: readonly ChartPoint[];
}): ReactElement {
  return (
    // It can be scrolled, so it can be reached by key.
    <div
      role="region"
      aria-label={props.title}
      tabIndex={0}
      className="mt-2 max-h-56 overflow-y-auto rounded-lg border border-line"
    >
      <table className="w-full text-left tabular-nums">
        <caption className="sr-only">{props.title}</caption>
        <thead className="sticky top-0 bg-surface text-muted">
          <tr>
            <th scope="col" className="px-3 py-1.5 font-medium">
              {texts.overview.time}
            </th>
            <th scope="col" className="px-3 py-1.5 text-right font-medium">
              {props.title}
            </th>
          </tr>
        </thead>
        <tbody>
          {props.points.toReversed().map(({ at, value }) => (
            <tr key={at} className="border-t border-line">
              <td className="px-3 py-1">{formatDateAndTime(at)}</td>
              <td className="px-3 py-1 text-right">{formatNumber(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function summarize(points: readonly ChartPoint[]): string {
  const most = points.reduce<ChartPoint | null>(
    (best, each) => (best && best.value >= each.value ? best : each),
    null,
  );
  if (!most || most.value === 0) return texts.overview.quiet;
  return texts.overview.summary(formatNumber(most.value), formatClock(most.at));
}
