/** What people do in the console. */
import type { BrowserContext, Page } from 'playwright-core';

export interface Credentials {
  readonly email: string;
  readonly password: string;
}

/** Opens a page of the console in a tab of its own. */
export async function openConsole(context: BrowserContext, url: string, path = '/'): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${url}/#${path}`);
  return page;
}

/** Fills in the page for signing in, and waits for the one behind it. */
export async function signIn(page: Page, { email, password }: Credentials): Promise<void> {
  await page.getByLabel('E-mail or username').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor();
}

/** The same for signing up. */
export async function signUp(page: Page, { email, password }: Credentials): Promise<void> {
  await page.getByRole('link', { name: 'Sign up' }).click();
  await page.getByLabel('E-mail', { exact: true }).fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor();
}

/** Goes to a page by its link, and waits until it is there. */
export async function follow(page: Page, name: string): Promise<void> {
  await page.getByRole('link', { name, exact: true }).click();
  await page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
}
