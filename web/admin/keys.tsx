import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useTRPC } from '../latchkey.ts';
import { linkLook } from '../session/entrance.tsx';
import { texts } from '../texts.ts';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { Copyable } from '../ui/copyable.tsx';
import { Card, Page } from '../ui/page.tsx';
import { Empty, Loaded } from '../ui/states.tsx';
import { Cell, Table } from '../ui/table.tsx';
import { Time } from '../ui/time.tsx';
import { useAnnounce } from '../ui/toasts.tsx';

export function Keys(): ReactElement {
  const trpc = useTRPC();
  const announce = useAnnounce();
  const queryClient = useQueryClient();
  const keys = useQuery(trpc.admin.listKeys.queryOptions());
  const rotate = useMutation(
    trpc.admin.rotateKeys.mutationOptions({
      onSuccess: () => announce.done(texts.keys.rotated),
      onSettled: () => queryClient.invalidateQueries(trpc.admin.listKeys.queryFilter()),
    }),
  );
  return (
    <Page
      title={texts.keys.title}
      description={
        <>
          {texts.keys.description}{' '}
          <a className={linkLook} href="/.well-known/jwks.json">
            {texts.keys.publicKeys}
          </a>
        </>
      }
      actions={
        <ConfirmDialog
          trigger={<Button look="primary">{texts.keys.rotate}</Button>}
          title={texts.keys.rotateConfirm}
          text={texts.keys.rotateText}
          action={texts.keys.rotate}
          onConfirm={() => rotate.mutateAsync()}
        />
      }
    >
      <Card isFlush>
        <Loaded query={keys}>
          {({ keys: rows }) =>
            rows.length === 0 ? (
              <Empty title={texts.keys.empty} text={texts.keys.emptyText} />
            ) : (
              <Table
                caption={texts.keys.title}
                columns={[
                  { name: texts.keys.key },
                  { name: texts.keys.status },
                  { name: texts.keys.algorithm, isWide: true },
                  { name: texts.keys.created, isWide: true },
                ]}
              >
                {rows.map((key) => (
                  <tr key={key.id}>
                    <Cell>
                      <Copyable value={key.id} what={texts.keys.key} />
                    </Cell>
                    <Cell>
                      <Badge tone={key.status === 'active' ? 'accent' : 'neutral'}>
                        {texts.keys.statuses[key.status]}
                      </Badge>
                      <p className="mt-1 text-[0.8125rem] text-muted">
                        {texts.keys.meaning[key.status]}
                      </p>
                    </Cell>
                    <Cell isWide>{key.algorithm}</Cell>
                    <Cell isWide>
                      <Time at={key.createdAt} />
                    </Cell>
                  </tr>
                ))}
              </Table>
            )
          }
        </Loaded>
      </Card>
    </Page>
  );
}
