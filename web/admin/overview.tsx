import { keepPreviousData, useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useTRPC } from '../latchkey.ts';
import { hrefOf, navigate, useLocation } from '../routing.ts';
import { describeError } from '../session/describe-error.ts';
import { texts } from '../texts.ts';
import { formatNumber } from '../ui/format.ts';
import { Notice } from '../ui/notice.tsx';
import { Page } from '../ui/page.tsx';
import { Select } from '../ui/select.tsx';
import { Loaded } from '../ui/states.tsx';
import { Chart, type ChartPoint } from './chart.tsx';

const periods = ['1', '6', '24'] as const;
/** While the page can be seen. */
const renewEveryMs = 5_000;

export function Overview(): ReactElement {
  const { query } = useLocation();
  const hours = periods.find((each) => each === query.get('hours')) ?? '1';
  const figures = useQuery(
    useTRPC().admin.figures.queryOptions(
      { hours: Number(hours) },
      { refetchInterval: renewEveryMs, placeholderData: keepPreviousData },
    ),
  );
  const period = texts.overview.hours(Number(hours));
  return (
    <Page
      title={texts.overview.title}
      description={texts.overview.description}
      actions={
        <Select
          label={texts.overview.period}
          isLabelHidden
          value={hours}
          options={periods.map((value) => ({ value, label: texts.overview.hours(Number(value)) }))}
          onChange={(value) => navigate(hrefOf('/overview', { hours: value }), { replace: true })}
        />
      }
    >
      {figures.data !== undefined && figures.error && (
        <Notice kind="problem">
          {texts.overview.stale}: {describeError(figures.error)}
        </Notice>
      )}
      <Loaded query={figures} rows={5}>
        {({ users, activeSessions, points }) => {
          function series(name: 'signIns' | 'refusals' | 'activeSessions'): ChartPoint[] {
            return points.map((point) => ({ at: point.at, value: point[name] }));
          }
          const signIns = series('signIns');
          const refusals = series('refusals');
          return (
            <>
              <dl className="grid grid-cols-2 gap-4 lg:grid-cols-4">
                <Tile name={texts.overview.users} value={users} />
                <Tile name={texts.overview.activeSessions} value={activeSessions} />
                <Tile name={texts.overview.signIns} value={sum(signIns)} note={period} />
                <Tile name={texts.overview.refusals} value={sum(refusals)} note={period} />
              </dl>
              <div className="grid gap-4 md:grid-cols-2">
                <Chart
                  title={texts.overview.signIns}
                  period={period}
                  points={signIns}
                  as="bars"
                  tone="accent"
                />
                <Chart
                  title={texts.overview.refusals}
                  period={period}
                  points={refusals}
                  as="bars"
                  tone="warning"
                />
                <div className="min-w-0 md:col-span-2">
                  <Chart
                    title={texts.overview.activeSessions}
                    period={period}
                    points={series('activeSessions')}
                    as="line"
                    tone="accent"
                  />
                </div>
              </div>
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}

function Tile(props: {
  readonly name: string;
  readonly value: number;
  readonly note?: string;
}): ReactElement {
  return (
    <div className="card flex flex-col p-4 sm:px-5">
      <dt className="text-[0.8125rem] text-muted">{props.name}</dt>
      <dd className="mt-1 text-2xl font-semibold tracking-tight tabular-nums">
        {formatNumber(props.value)}
      </dd>
      {props.note !== undefined && <dd className="text-xs text-muted">{props.note}</dd>}
    </div>
  );
}

function sum(points: readonly ChartPoint[]): number {
  return points.reduce((total, { value }) => total + value, 0);
}
