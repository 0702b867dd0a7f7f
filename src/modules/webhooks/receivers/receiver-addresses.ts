import { Resolver } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { Injectable } from '@nestjs/common';
import { WebhooksConfig } from '../../../config/index.js';

/** Of IPv4, by the registry of RFC 6890: all that is no address of one host on the public network. */
const NOT_PUBLIC_IPV4 = [
  '0.0.0.0/8', // this network, and unspecified
  '10.0.0.0/8', // private
  '100.64.0.0/10', // shared by customers of a provider
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local: metadata of clouds among them
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // relays of 6to4
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and broadcast
];

/**
 * Of IPv6: all but 2000::/3, which alone is given to hosts. So IPv4 in IPv6 (mapped ::ffff:0:0/96 and translated
 * 64:ff9b::/96, 64:ff9b:1::/48), loopback, unspecified, unique local, link-local and multicast are among them.
 */
const NOT_PUBLIC_IPV6 = [
  '::/3',
  '4000::/2',
  '8000::/1',
  '2001::/23', // protocol assignments: Teredo, benchmarks, ORCHID
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4, which holds an address of IPv4
  '3fff::/20', // documentation
];

const DNS_TRY_MS = 2000;

/** No address of the host may be called, or it has none that could be found: callers must not learn which. */
export class AddressRefused extends Error {}

/** Finds the addresses of receivers, and refuses those that are not public unless they are allowed. */
@Injectable()
export class ReceiverAddresses {
  // IPv4 and IPv6 apart: a list compares an address of IPv4 with ::/3, too.
  private readonly notPublic = { 4: blockList(NOT_PUBLIC_IPV4), 6: blockList(NOT_PUBLIC_IPV6) };
  private readonly allowed;

  constructor(private readonly config: WebhooksConfig) {
    const ofFamily = (family: number) =>
      blockList(config.allowedNetworks.filter((network) => isIP(network.split('/')[0]!) === family));
    this.allowed = { 4: ofFamily(4), 6: ofFamily(6) };
  }

  /** @param address of IPv4 or IPv6, as text */
  isAllowed(address: string): boolean {
    const family = isIP(address);
    if (family !== 4 && family !== 6) return false;
    const type = family === 4 ? 'ipv4' : 'ipv6';
    return !this.notPublic[family].check(address, type) || this.allowed[family].check(address, type);
  }

  /**
   * Asks for the addresses of a host once; the hosts file of the machine is not read.
   * @param hostname as `URL` has it
   * @param signal gives up the question
   * @returns an address that may be called: one of IPv4 where the host has any
   * @throws AddressRefused where any of its addresses may not be called, or none is found
   */
  async resolve(hostname: string, signal: AbortSignal): Promise<string> {
    const literal = literalOf(hostname);
    const addresses = literal === undefined ? await this.ask(hostname, signal) : [literal];
    if (!addresses.length || !addresses.every((address) => this.isAllowed(address)))
      throw new AddressRefused('not a public host');
    return addresses[0]!;
  }

  private async ask(hostname: string, signal: AbortSignal): Promise<string[]> {
    // Not by dns.lookup: its threads, which slow name servers would hold, are those of files and digests, too.
    const resolver = new Resolver({ timeout: DNS_TRY_MS, tries: 2 });
    if (this.config.dnsServers.length) resolver.setServers(this.config.dnsServers);
    const cancel = () => resolver.cancel();
    signal.addEventListener('abort', cancel);
    try {
      const none = (): string[] => [];
      const asked = [resolver.resolve4(hostname).catch(none), resolver.resolve6(hostname).catch(none)];
      return (await Promise.all(asked)).flat();
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }
}

/** The address that a host of a URL is by itself; undefined where it is a name. */
export function literalOf(hostname: string): string | undefined {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(bare) ? bare : undefined;
}

function blockList(networks: readonly string[]): BlockList {
  const found = new BlockList();
  for (const network of networks) {
    const [address, bits] = network.split('/') as [string, string];
    found.addSubnet(address, Number(bits), isIP(address) === 4 ? 'ipv4' : 'ipv6');
  }
  return found;
}
