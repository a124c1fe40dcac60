import axe from 'axe-core';
import type { Page } from 'playwright-core';

/** What keeps somebody out of the page as it is now: each rule of axe with the elements that break it. */
export async function findBarriers(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<axe.AxeResults>('axe.run()');
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`,
  );
}
