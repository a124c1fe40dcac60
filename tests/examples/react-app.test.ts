import { expect, test } from 'vitest';
import { findBarriers } from '../e2e/barriers.ts';
import { launchBrowser } from '../e2e/browser.ts';
import { expectToCompile, startExample } from './start-example.ts';

test('react-app: up, in and out, why not, a role, and a session that is ended elsewhere', async () => {
  await using example = await startExample('react-app');
  await using browser = await launchBrowser();
  const here = await browser.newContext();
  const page = await here.newPage();
  await page.goto(example.url);
  await page.getByRole('button', { name: 'I am new here' }).click();
  const signUp = page.getByRole('button', { name: 'Sign up' });

  await page.getByLabel('E-mail address').fill('ada');
  await page.getByLabel('Password').fill('correct horse battery');
  await signUp.click();
  await page.getByText('Invalid email address').waitFor();
  await page.getByLabel('E-mail address').fill('ada@example.com');
  await page.getByLabel('Password').fill('password1234');
  await signUp.click();
  await page.getByText('Many people use this password').waitFor();
  expect(await findBarriers(page)).toEqual([]);
  await page.getByLabel('Password').fill('correct horse battery');
  await signUp.click();
  await page.getByRole('heading', { name: 'Good to see you, ada@example.com.' }).waitFor();
  await page.getByText('Drafts are for editors.').waitFor();
  expect(await findBarriers(page)).toEqual([]);

  await page.getByLabel('Your name').fill('Ada');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'Good to see you, Ada.' }).waitFor();

  // Somewhere else, where the first one is ended from.
  const elsewhere = await browser.newContext();
  const other = await elsewhere.newPage();
  await other.goto(example.url);
  await other.getByLabel('E-mail address').fill('ada@example.com');
  await other.getByLabel('Password').fill('not my password');
  await other.getByRole('button', { name: 'Sign in' }).click();
  await other.getByText('No account has this e-mail address and password.').waitFor();
  await other.getByLabel('Password').fill('correct horse battery');
  await other.getByRole('button', { name: 'Sign in' }).click();
  await other.getByRole('button', { name: 'End' }).click();
  await other.getByRole('button', { name: 'End' }).waitFor({ state: 'detached' });
  await page.reload();
  await page.getByRole('button', { name: 'Sign in' }).waitFor();

  // Two tabs of one browser.
  const tab = await elsewhere.newPage();
  await tab.goto(example.url);
  await tab.getByRole('button', { name: 'Sign out' }).click();
  await other.getByRole('button', { name: 'Sign in' }).waitFor();

  const password = /password (\S+)/.exec(example.output())?.[1] ?? '';
  await other.getByLabel('E-mail address').fill('grace@example.com');
  await other.getByLabel('Password').fill(password);
  await other.getByRole('button', { name: 'Sign in' }).click();
  await tab.getByText('A draft that editors alone may read').waitFor();
  browser.assertNoFaults();

  await expectToCompile(example);
  await example.stop();
});
