import type { WebhooksConfig } from '../../../config/index.js';

/**
 * What is wrong with the URL of a receiver, whatever its host; undefined where nothing is.
 * @param text as a caller wrote it
 */
export function faultOfUrl(
  text: string,
  { allowHttp, ports }: Pick<WebhooksConfig, 'allowHttp' | 'ports'>,
): string | undefined {
  if (!URL.canParse(text)) return 'must be a URL';
  const { protocol, port, username, password, hash } = new URL(text);
  if (protocol !== 'https:' && !(protocol === 'http:' && allowHttp))
    return `must begin with https://${allowHttp ? ' or http://' : ''}`;
  if (username || password) return 'must hold no user name or password';
  if (hash) return 'must have no fragment';
  const number = Number(port || (protocol === 'https:' ? 443 : 80));
  if (ports !== 'any' && !ports.includes(number)) return `must have one of the ports ${ports.join(', ')}`;
  return undefined;
}
