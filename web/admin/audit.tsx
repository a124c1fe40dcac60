import { keepPreviousData, useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useTRPC } from '../latchkey.ts';
import { hrefOf, navigate, useLocation } from '../routing.ts';
import { eventTexts, texts } from '../texts.ts';
import { buttonLook } from '../ui/button.tsx';
import { Card, Page } from '../ui/page.tsx';
import { Select } from '../ui/select.tsx';
import { Empty, Loaded } from '../ui/states.tsx';
import { Paging } from '../ui/table.tsx';
import { EventTable } from './event-table.tsx';
import { useSearch } from './use-search.ts';

const pageSize = 50;

/** What is looked for, as it stands in the address. */
interface Filters {
  readonly type: string;
  readonly user: string;
  readonly cursor: string;
}

export function Audit(): ReactElement {
  const filters = useFilters();
  const { type, user, cursor } = filters;
  const events = useQuery(
    useTRPC().admin.listAuditEvents.queryOptions(
      {
        limit: pageSize,
        ...(type === '' ? {} : { type }),
        ...(user === '' ? {} : { userId: user }),
        ...(cursor === '' ? {} : { cursor }),
      },
      { placeholderData: keepPreviousData },
    ),
  );
  return (
    <Page title={texts.audit.title} description={texts.audit.description}>
      <FilterBar filters={filters} />
      <p role="status" className="sr-only">
        {events.data && texts.audit.shown(events.data.events.length)}
      </p>
      <Card isFlush>
        <Loaded query={events} rows={8}>
          {({ events: rows, nextCursor }) =>
            rows.length === 0 ? (
              <Empty title={texts.audit.empty} text={texts.audit.emptyText}>
                <a className={buttonLook()} href={hrefOf('/audit')}>
                  {texts.users.clear}
                </a>
              </Empty>
            ) : (
              <div aria-busy={events.isPlaceholderData} className="aria-busy:cursor-progress">
                <EventTable events={rows} showsUser />
                <Paging
                  firstHref={cursor === '' ? null : hrefOf('/audit', { type, user })}
                  nextHref={
                    nextCursor === null
                      ? null
                      : hrefOf('/audit', { type, user, cursor: nextCursor })
                  }
                />
              </div>
            )
          }
        </Loaded>
      </Card>
    </Page>
  );
}

function useFilters(): Filters {
  const { query } = useLocation();
  return {
    type: query.get('type') ?? '',
    user: query.get('user') ?? '',
    cursor: query.get('cursor') ?? '',
  };
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function FilterBar({ filters }: { readonly filters: Filters }): ReactElement {
  function filter(change: Partial<Filters>): void {
    navigate(hrefOf('/audit', { ...filters, cursor: '', ...change }), { replace: true });
  }
  const [typed, setTyped] = useSearch(filters.user, (text) => {
    const user = text.trim();
    // Half an id is nobody's.
    if (user === '' || uuid.test(user)) filter({ user });
  });
  return (
    <search className="grid gap-3 sm:grid-cols-[14rem_1fr]">
      <Select
        label={texts.audit.type}
        isLabelHidden
        value={filters.type}
        options={[
          { value: '', label: texts.audit.anyType },
          ...Object.entries(eventTexts).map(([value, label]) => ({ value, label })),
        ]}
        onChange={(type) => filter({ type })}
      />
      <input
        type="search"
        className="input font-mono"
        aria-label={texts.audit.userId}
        placeholder={texts.audit.userIdHint}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
    </search>
  );
}
