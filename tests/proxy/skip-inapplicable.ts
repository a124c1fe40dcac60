import { beforeEach } from 'vitest';

/** Tests of the contract that nginx answers in Latchkey's place, and why that is well. */
const inapplicable: readonly (readonly [test: RegExp, reason: string])[] = [
  [
    /H-03: of 1000 calls|J-25: is bounded|H-30: is bounded/,
    'nginx refuses long heads itself, with 400 or 414',
  ],
  [/H-16, H-17: the method (TRACE|CONNECT)/, 'nginx refuses these methods itself'],
  [
    /https?:\/\/(evil\.example|127\.0\.0\.1)\S* answers 404|H-27/,
    'nginx answers 421 to any other host',
  ],
  [/H-28.* (an unknown coding|chunked not last)/, 'nginx refuses the framing itself, with 501'],
  [/H-34, H-35, H-40/, 'nginx names itself, without its version'],
  [/token endpoint names what is wrong with its head/, 'nginx refuses a header that is sent twice'],
  [
    /token endpoint of more than 32 KiB/,
    'nginx keeps the connection to its client after a refusal',
  ],
  [
    /a flood is a few events/,
    'its addresses are made up by X-Forwarded-For, which nginx throws away',
  ],
  [/what a trusted proxy calls a request/, 'nginx calls it as it likes, whatever the client says'],
];

beforeEach(({ task, skip }) => {
  const names: string[] = [];
  for (let each: typeof task | typeof task.suite = task; each; each = each.suite) {
    names.unshift(each.name);
  }
  const [, reason] = inapplicable.find(([pattern]) => pattern.test(names.join(' '))) ?? [];
  if (reason === undefined) return;
  process.stdout.write(`Not through nginx: ${names.join(' > ')}: ${reason}\n`);
  skip(reason);
});
