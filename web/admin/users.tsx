import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Search } from 'lucide-react';
import type { ReactElement } from 'react';
import { useTRPC, useUser } from '../latchkey.ts';
import { hrefOf, navigate, useLocation } from '../routing.ts';
import { useSettings } from '../settings.ts';
import { texts } from '../texts.ts';
import { Badge, RoleBadge, StatusBadge } from '../ui/badge.tsx';
import { buttonLook } from '../ui/button.tsx';
import { Card, Page } from '../ui/page.tsx';
import { Select } from '../ui/select.tsx';
import { Empty, Loaded } from '../ui/states.tsx';
import { Cell, Paging, Table } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';
import { useSearch } from './use-search.ts';

const pageSize = 25;

/** What is looked for; it stands in the address, so that a search can be kept and shared. */
interface Filters {
  readonly search: string;
  readonly role: string;
  readonly status: string;
  readonly cursor: string;
}

export function Users(): ReactElement {
  const filters = useFilters();
  const { search, role, status, cursor } = filters;
  const me = useUser();
  const users = useQuery(
    useTRPC().admin.listUsers.queryOptions(
      {
        limit: pageSize,
        ...(search === '' ? {} : { search }),
        // What is none is refused, and said so in place of the list.
        ...(role === '' ? {} : { role: role as 'user' | 'admin' }),
        ...(status === '' ? {} : { status: status as 'active' | 'disabled' }),
        ...(cursor === '' ? {} : { cursor }),
      },
      { placeholderData: keepPreviousData },
    ),
  );
  return (
    <Page title={texts.users.title} description={texts.users.description}>
      <FilterBar filters={filters} />
      <p role="status" className="sr-only">
        {users.data && texts.users.shown(users.data.users.length)}
      </p>
      <Card isFlush>
        <Loaded query={users} rows={6}>
          {({ users: rows, nextCursor }) =>
            rows.length === 0 ? (
              <Empty title={texts.users.empty} text={texts.users.emptyText}>
                <a className={buttonLook()} href={hrefOf('/users')}>
                  {texts.users.clear}
                </a>
              </Empty>
            ) : (
              <div aria-busy={users.isPlaceholderData} className="aria-busy:cursor-progress">
                <Table
                  caption={texts.users.title}
                  columns={[
                    { name: texts.users.user },
                    { name: texts.users.role, isWide: true },
                    { name: texts.users.status },
                    { name: texts.users.created, isWide: true },
                  ]}
                >
                  {rows.map((user) => (
                    <tr key={user.id} className="relative">
                      <Cell>
                        <div className="flex min-w-0 flex-wrap items-center gap-x-2">
                          {/* The whole row is the link. */}
                          <a
                            href={hrefOf(`/users/${user.id}`)}
                            className="font-medium break-all after:absolute after:inset-0"
                          >
                            {user.email}
                          </a>
                          {user.id === me?.id && <Badge>{texts.users.you}</Badge>}
                          {user.role !== 'user' && (
                            <span className="md:hidden">
                              <RoleBadge role={user.role} />
                            </span>
                          )}
                        </div>
                        <p className="text-[0.8125rem] text-muted">
                          {[user.name, user.username && `@${user.username}`]
                            .filter(Boolean)
                            .join(' · ')}
                        </p>
                      </Cell>
                      <Cell isWide>
                        <RoleBadge role={user.role} />
                      </Cell>
                      <Cell>
                        <StatusBadge status={user.status} />
                      </Cell>
                      <Cell isWide>
                        <Time at={user.createdAt} />
                      </Cell>
                    </tr>
                  ))}
                </Table>
                <Paging
                  firstHref={cursor === '' ? null : hrefOf('/users', { search, role, status })}
                  nextHref={
                    nextCursor === null
                      ? null
                      : hrefOf('/users', { search, role, status, cursor: nextCursor })
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
    search: query.get('search') ?? '',
    role: query.get('role') ?? '',
    status: query.get('status') ?? '',
    cursor: query.get('cursor') ?? '',
  };
}

function FilterBar({ filters }: { readonly filters: Filters }): ReactElement {
  const { roles } = useSettings();
  function filter(change: Partial<Filters>): void {
    // A page of one search is no page of another; what is being typed is no step in the history.
    navigate(hrefOf('/users', { ...filters, cursor: '', ...change }), { replace: true });
  }
  const [typed, type] = useSearch(filters.search, (search) => filter({ search }));
  return (
    <search className="grid gap-3 sm:grid-cols-[1fr_10rem_10rem]">
      <div className="relative">
        <Search
          aria-hidden
          className="pointer-events-none absolute top-2.5 left-3 size-4 text-muted"
        />
        <input
          type="search"
          className="input pl-9"
          aria-label={texts.users.search}
          placeholder={texts.users.searchHint}
          maxLength={100}
          value={typed}
          onChange={(event) => type(event.target.value)}
        />
      </div>
      <Select
        label={texts.users.role}
        isLabelHidden
        value={filters.role}
        options={[
          { value: '', label: texts.users.anyRole },
          ...roles.map((role) => ({ value: role, label: role })),
        ]}
        onChange={(role) => filter({ role })}
      />
      <Select
        label={texts.users.status}
        isLabelHidden
        value={filters.status}
        options={[
          { value: '', label: texts.users.anyStatus },
          { value: 'active', label: texts.users.statuses.active },
          { value: 'disabled', label: texts.users.statuses.disabled },
        ]}
        onChange={(status) => filter({ status })}
      />
    </search>
  );
}
