import {
  refresh,
  signedInOf,
  userOf,
  userPageOf,
  type Answer,
  type Api,
  type SignedIn,
} from '../contract/api.ts';
import type { Dice } from './trials.ts';

/** Somebody who uses the server, and what it has acknowledged to them. */
export interface Person {
  email: string;
  account: 'none' | 'active' | 'disabled';
  password: string;
  name: string | null;
  role: 'user' | 'admin';
  session: SignedIn | null;
  /** The role has changed since the access token was issued. */
  isStale: boolean;
  /** What the server has said to be good for nothing any more. */
  readonly dead: {
    readonly accessTokens: string[];
    readonly refreshTokens: string[];
    readonly passwords: { readonly email: string; readonly password: string }[];
  };
  /** What was sent last and has not been acknowledged, with the value that it wants. */
  underWay: { readonly action: ActionName; readonly wanted: string } | null;
}

/** Where a person's calls go. */
export interface Calls {
  readonly api: Api;
  readonly adminToken: string;
}

interface Action {
  isPossible(person: Person): boolean;
  send(person: Person, calls: Calls, wanted: string): Promise<Answer>;
  /** What is true from the acknowledgement on. */
  acknowledge(person: Person, answer: Answer, wanted: string): void;
}

type ActionName =
  | 'register'
  | 'login'
  | 'refresh'
  | 'rename'
  | 'changePassword'
  | 'logout'
  | 'revokeAll'
  | 'setRole'
  | 'disable'
  | 'enable'
  | 'remove';

const isSignedIn = ({ session, isStale }: Person) => session !== null && !isStale;
const tokenOf = ({ session }: Person) => ({ token: session?.accessToken ?? '' });
const userIdOf = ({ session }: Person) => ({ userId: session?.user.id ?? '' });

function endSession(person: Person): void {
  if (person.session) {
    person.dead.accessTokens.push(person.session.accessToken);
    person.dead.refreshTokens.push(person.session.refreshToken);
  }
  person.session = null;
  person.isStale = false;
}

function endPassword({ dead, email, password }: Person): void {
  dead.passwords.push({ email, password });
}

function startSession(person: Person, answer: Answer): void {
  person.session = signedInOf(answer);
  person.isStale = false;
}

/** Every call that writes. */
const actions: Readonly<Record<ActionName, Action>> = {
  register: {
    isPossible: ({ account }) => account === 'none',
    send: ({ email, password }, { api }) =>
      api.mutate('auth.register', { input: { email, password } }),
    acknowledge(person, answer) {
      person.account = 'active';
      startSession(person, answer);
    },
  },
  login: {
    isPossible: ({ account, session }) => account === 'active' && session === null,
    send: ({ email, password }, { api }) =>
      api.mutate('auth.login', { input: { email, password } }),
    acknowledge: startSession,
  },
  refresh: {
    isPossible: ({ session }) => session !== null,
    send: ({ session }, { api }) => refresh(api, session?.refreshToken ?? ''),
    acknowledge: startSession,
  },
  rename: {
    isPossible: isSignedIn,
    send: (person, { api }, wanted) =>
      api.mutate('user.update', { ...tokenOf(person), input: { name: wanted } }),
    acknowledge(person, _answer, wanted) {
      person.name = wanted;
    },
  },
  changePassword: {
    isPossible: isSignedIn,
    send: (person, { api }, wanted) =>
      api.mutate('user.changePassword', {
        ...tokenOf(person),
        input: { currentPassword: person.password, newPassword: wanted },
      }),
    acknowledge(person, answer, wanted) {
      endPassword(person);
      person.password = wanted;
      if (person.session) person.dead.refreshTokens.push(person.session.refreshToken);
      startSession(person, answer);
    },
  },
  logout: {
    isPossible: isSignedIn,
    send: ({ session }, { api }) =>
      api.mutate('auth.logout', { input: { refreshToken: session?.refreshToken } }),
    acknowledge: endSession,
  },
  revokeAll: {
    isPossible: isSignedIn,
    send: (person, { api }) => api.mutate('session.revokeAll', tokenOf(person)),
    acknowledge: endSession,
  },
  setRole: {
    isPossible: isSignedIn,
    send: (person, { api, adminToken }) =>
      api.mutate('admin.setRole', {
        token: adminToken,
        input: { ...userIdOf(person), role: otherRole(person) },
      }),
    acknowledge(person) {
      person.role = otherRole(person);
      person.isStale = true;
      if (person.session) person.dead.accessTokens.push(person.session.accessToken);
    },
  },
  disable: {
    isPossible: isSignedIn,
    send: (person, { api, adminToken }) =>
      api.mutate('admin.disableUser', { token: adminToken, input: userIdOf(person) }),
    acknowledge(person) {
      person.account = 'disabled';
      endSession(person);
    },
  },
  enable: {
    isPossible: ({ account }) => account === 'disabled',
    async send({ email }, { api, adminToken: token }) {
      const found = await api.query('admin.listUsers', { token, input: { search: email } });
      if (found.status !== 200) return found;
      const [user] = userPageOf(found).users;
      return api.mutate('admin.enableUser', { token, input: { userId: user?.id } });
    },
    acknowledge(person) {
      person.account = 'active';
    },
  },
  remove: {
    isPossible: (person) => isSignedIn(person) && person.role === 'user',
    send: (person, { api }) =>
      api.mutate('user.delete', { ...tokenOf(person), input: { password: person.password } }),
    acknowledge(person) {
      endPassword(person);
      endSession(person);
      beginAnew(person);
    },
  },
};
/** Refreshes are what a server does most; the rest comes as often as each other. */
const repertoire = [
  ...Object.keys(actions),
  ...Array<ActionName>(3).fill('refresh'),
] as readonly ActionName[]; // The keys of a record of every action.

/** What must not come back. */
export const revocations: ReadonlySet<ActionName> = new Set([
  'changePassword',
  'logout',
  'revokeAll',
  'disable',
  'remove',
]);

function otherRole({ role }: Person): Person['role'] {
  return role === 'user' ? 'admin' : 'user';
}

let people = 0;

/** Somebody whom the server does not know yet. */
function stranger(): Omit<Person, 'dead'> {
  people += 1;
  return {
    email: `person-${people}@faults.example`,
    account: 'none',
    password: 'correct horse battery staple',
    name: null,
    role: 'user',
    session: null,
    isStale: false,
    underWay: null,
  };
}

export function createPerson(): Person {
  return { ...stranger(), dead: { accessTokens: [], refreshTokens: [], passwords: [] } };
}

/** As somebody else, who still knows what has to stay dead. */
export function beginAnew(person: Person): void {
  Object.assign(person, stranger());
}

/**
 * Does something that can be done now.
 *
 * @returns what has been acknowledged
 * @throws Error when the server refuses what it has to do, and `TypeError` of `fetch` when it is gone
 */
export async function act(person: Person, calls: Calls, dice: Dice): Promise<ActionName> {
  const possible = repertoire.filter((name) => actions[name].isPossible(person));
  const name = possible[dice.roll(possible.length)];
  if (name === undefined) throw new Error('There is nothing to do.');
  const number = dice.roll(1_000_000_000);
  // A password that has the words of the name in it would be too easy to guess.
  const wanted = name === 'rename' ? `Name ${number}` : `something else, number ${number}`;
  person.underWay = { action: name, wanted };
  const answer = await actions[name].send(person, calls, wanted);
  if (answer.status !== 200) throw new Error(`${name} was refused: ${answer.text}`);
  actions[name].acknowledge(person, answer, wanted);
  person.underWay = null;
  return name;
}

/** What the server has lost of a person, or brought back to life; `null` when all is well. */
export async function findLoss(person: Person, { api }: Calls): Promise<string | null> {
  for (const token of person.dead.accessTokens) {
    const me = await api.query('user.me', { token });
    if (me.status === 200) return 'a revoked access token works';
  }
  for (const token of person.dead.refreshTokens) {
    if ((await refresh(api, token)).status === 200) return 'a revoked refresh token works';
  }
  for (const input of person.dead.passwords) {
    const login = await api.mutate('auth.login', { input });
    if (login.status === 200) return 'a password works that was changed, or its account deleted';
  }
  return (await findLostAccount(person, api)) ?? findLostSession(person, api);
}

async function findLostAccount(person: Person, api: Api): Promise<string | null> {
  const { action, wanted } = person.underWay ?? {};
  const canLogIn = async (password: string) => {
    const input = { email: person.email, password };
    return (await api.mutate('auth.login', { input })).status === 200;
  };
  const isIn = await canLogIn(person.password);
  if (action === 'register' || action === 'remove') return null;
  if (action === 'disable' || action === 'enable') return null;
  if (action === 'changePassword') {
    return isIn === (await canLogIn(wanted ?? '')) ? 'not one of the two passwords' : null;
  }
  if (isIn === (person.account === 'active')) return null;
  return isIn ? `${person.account}, and can sign in` : 'cannot sign in';
}

/** Only while nothing is under way that ends sessions. */
async function findLostSession(person: Person, api: Api): Promise<string | null> {
  const { action, wanted } = person.underWay ?? {};
  if (person.session === null) return null;
  if (action !== undefined && !['refresh', 'rename', 'setRole'].includes(action)) return null;
  const answer = await refresh(api, person.session.refreshToken);
  if (answer.status !== 200) return `signed out: ${answer.text}`;
  startSession(person, answer);
  const me = userOf(await api.query('user.me', tokenOf(person)));
  const names = action === 'rename' ? [person.name, wanted] : [person.name];
  if (!names.includes(me.name)) return `named ${me.name}`;
  const roles = action === 'setRole' ? [person.role, otherRole(person)] : [person.role];
  return roles.includes(me.role) ? null : `a role of ${me.role}`;
}
