import { expect, test } from 'vitest';
import { findBarriers } from '../e2e/barriers.ts';
import { launchBrowser } from '../e2e/browser.ts';
import { expectToCompile, startExample } from './start-example.ts';

// Next.js compiles each page when it is first asked for.
test(
  'next-app: the server renders who is signed in, with what that user has',
  { timeout: 240_000 },
  async () => {
    await using example = await startExample('next-app');
    await using browser = await launchBrowser();
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(example.url);
    await page.getByRole('button', { name: 'I am new here' }).click();
    await page.getByLabel('E-mail address').fill('ada@example.com');
    await page.getByLabel('Password').fill('password1234');
    await page.getByRole('button', { name: 'Sign up' }).click();
    await page.getByText('This password is too easy to guess.').waitFor();
    expect(await findBarriers(page)).toEqual([]);
    await page.getByLabel('Password').fill('correct horse battery');
    await page.getByRole('button', { name: 'Sign up' }).click();
    await page.getByLabel('A note').fill('Remember the milk');
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByRole('listitem').getByText('Remember the milk').waitFor();
    expect(await findBarriers(page)).toEqual([]);

    // The HTML itself has the user and the note; looking at the cookie does not spend it.
    for (let round = 0; round < 2; round++) {
      const html = (await (await page.reload())?.text()) ?? '';
      expect(html).toMatch(/<strong>ada@example\.com<\/strong>/);
      expect(html).toMatch(/<li>Remember the milk<\/li>/);
      expect(html).not.toContain('I am new here');
      await page.getByRole('listitem').getByText('Remember the milk').waitFor();
    }
    await page.getByLabel('A note').fill('And the bread');
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByRole('listitem').getByText('And the bread').waitFor();

    const told = page.waitForResponse(/auth\.logout/);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    await told;
    const html = (await (await page.reload())?.text()) ?? '';
    expect(html).toContain('I am new here');
    expect(html).not.toContain('ada@example.com');
    browser.assertNoFaults();

    await expectToCompile(example);
    await example.stop();
  },
);
