/**
 * Starts Swagger UI, and keeps its Authorize button in step with what is executed on the page:
 * a sign-in authorizes it, a sign-out clears it. The document says which operations these are.
 * Tokens stay in the memory of the page.
 */

const notice = document.getElementById('notice');

const ui = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#page',
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  tryItOutEnabled: true,
  persistAuthorization: false,
  defaultModelsExpandDepth: 0,
  // Its badge would ask a server on the internet.
  validatorUrl: null,
  onComplete: watchAuthorization,
  responseInterceptor: (response) => {
    follow(response);
    return response;
  },
});

// Swagger UI renders as it likes: what it has added since is mended each time.
new MutationObserver(openToEverybody).observe(document.body, { childList: true, subtree: true });

function tell(text) {
  notice.textContent = text;
}

/** By whatever way the page is authorized or no longer: an answer, a form, a button. */
function watchAuthorization() {
  let wasAuthorized = false;
  tell('Not signed in: execute auth.login or auth.register, or use Authorize.');
  ui.getStore().subscribe(() => {
    const isAuthorized = ui.authSelectors.authorized().size > 0;
    if (isAuthorized !== wasAuthorized) tell(isAuthorized ? 'Signed in.' : 'Signed out.');
    wasAuthorized = isAuthorized;
  });
}

/** Does for the page what an answer did for the session. */
function follow({ url, text }) {
  const body = parse(text);
  if (body?.error) {
    // A transformer has the value under `json`.
    const { reason } = (body.error.json ?? body.error).data ?? {};
    if (hints[reason]) tell(hints[reason]);
    return;
  }
  const session = sessionOf(url);
  if (session === 'begins') {
    const { accessToken, user } = body.result.data.json ?? body.result.data;
    // Whatever else is there would be sent as well.
    clear();
    ui.preauthorizeApiKey('bearer', accessToken);
    tell(`Signed in as ${user.email}.`);
  } else if (session === 'ends') {
    clear();
  }
}

/** Takes every token from the page; Swagger UI cannot do that before there was one. */
function clear() {
  const names = ui.authSelectors.authorized().keySeq().toArray();
  if (names.length > 0) ui.authActions.logout(names);
}

/** What to do about a refusal of the token that the page sends. */
const hints = {
  token_missing: 'This one wants a signed-in user: execute auth.login, or use Authorize.',
  token_expired: 'The access token has expired: execute auth.login again.',
  token_stale: 'The role of this user has changed: execute auth.login again.',
  session_revoked: 'The session has ended: execute auth.login again.',
};

/** Whether the operation at this address begins or ends a session. */
function sessionOf(url) {
  const { pathname } = new URL(url, location.href);
  const operation = ui.specSelectors.specJson().getIn(['paths', pathname, 'post']);
  return operation?.get('x-latchkey-session');
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Gives Swagger UI's markup what it lacks for people who do not see it, or have no mouse. */
function openToEverybody() {
  describe('h3', 'aria-level', () => 2);
  describe('h4', 'aria-level', () => 3);
  describe('h5, h6', 'aria-level', () => 4);
  describe('.information-container', 'role', () => 'banner');
  describe('.scheme-container, .filter', 'role', () => 'region');
  describe('.scheme-container', 'aria-label', () => 'Authorization');
  describe('.filter', 'aria-label', () => 'Filter');
  describe('.responses-table', 'aria-label', (table) => `Answers, ${table.id}`);
  describe('pre.microlight', 'tabindex', () => 0);
  describe('.close-modal', 'aria-label', () => 'Close');
  describe('select, textarea', 'aria-label', nameOf);
  for (const link of document.querySelectorAll('button a[href]')) link.removeAttribute('href');
  for (const button of document.querySelectorAll('button[aria-label]')) {
    const { ariaLabel, textContent } = button;
    if (!ariaLabel.includes(textContent)) button.ariaLabel = `${textContent}: ${ariaLabel}`;
  }
}

function describe(selector, attribute, valueOf) {
  for (const element of document.querySelectorAll(selector)) {
    if (!element.hasAttribute(attribute)) element.setAttribute(attribute, valueOf(element));
  }
}

function nameOf(field) {
  if (field.labels.length > 0) return field.labels[0].textContent;
  if (field.matches('.examples-select-element')) return 'Example';
  const name = field.closest('tr')?.querySelector('.parameter__name');
  return name?.firstChild?.textContent ?? 'Request body';
}
