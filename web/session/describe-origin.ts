import Bowser from 'bowser';
import { texts } from '../texts.ts';

/** Browser and system, such as `Firefox on Linux`; for a program its own name. */
export function describeDevice(userAgent: string | null): string {
  if (userAgent === null || userAgent === '') return texts.sessions.unknownDevice;
  const parser = Bowser.getParser(userAgent);
  const browser = parser.getBrowserName();
  const system = parser.getOSName();
  if (browser !== '' && system !== '') return texts.sessions.deviceOf(browser, system);
  const [program = userAgent] = userAgent.split(/[\s/]/, 1);
  return browser || program.slice(0, 40) || texts.sessions.unknownDevice;
}

/** What kind of thing it is: carried about, stood on a table, or a program. */
export function kindOfDevice(userAgent: string | null): 'mobile' | 'computer' | 'program' {
  const type = userAgent ? Bowser.getParser(userAgent).getPlatformType() : '';
  if (type === 'mobile' || type === 'tablet') return 'mobile';
  return type === '' ? 'program' : 'computer';
}

/** Networks that are nobody's in the world: RFC 1918, RFC 6598, RFC 3927; RFC 4193, RFC 4291 §2.5.6. */
const privateNetwork =
  /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|169\.254\.|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:)/i;

/** Where an address is, as far as it says so by itself. */
export function describePlace(ip: string | null): string {
  if (ip === null) return texts.sessions.unknownPlace;
  const address = ip.replace(/^::ffff:(?=\d+\.)/i, '');
  if (address === '::1' || address.startsWith('127.')) return texts.sessions.thisMachine;
  if (privateNetwork.test(address)) return `${texts.sessions.privateNetwork} · ${address}`;
  return address;
}
