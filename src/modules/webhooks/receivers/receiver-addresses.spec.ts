import { WebhooksConfig } from '../../../config/index.js';
import { ReceiverAddresses } from './receiver-addresses.js';
import { faultOfUrl } from './receiver-url.js';

const addresses = (allowedNetworks: string[] = []) =>
  new ReceiverAddresses(Object.assign(new WebhooksConfig(), { allowedNetworks }));

describe('addresses of receivers', () => {
  it.each([
    ...[
      '1.1.1.1',
      '8.8.8.8',
      '100.63.255.255',
      '100.128.0.0',
      '172.15.255.255',
      '172.32.0.0',
      '223.255.255.255',
    ],
    ...['2606:4700:4700::1111', '2a00:1450:4001:80b::200e', '2001:4860:4860::8888', '3ffe::1'],
  ])('should be allowed where they are public: %s', (address) => {
    expect(addresses().isAllowed(address)).toBe(true);
  });

  it.each([
    ...['0.0.0.0', '0.1.2.3', '127.0.0.1', '127.255.255.254', '10.1.2.3', '172.16.0.1', '172.31.255.255'],
    ...['192.168.0.1', '169.254.169.254', '100.64.0.1', '100.127.255.255', '192.0.0.8', '192.0.2.1'],
    ...['198.18.0.1', '198.19.255.255', '198.51.100.7', '203.0.113.9', '192.88.99.1', '224.0.0.1'],
    ...['239.255.255.255', '240.0.0.1', '255.255.255.255'],
    ...['::', '::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::ffff:0:127.0.0.1', '::127.0.0.1'],
    ...['64:ff9b::7f00:1', '64:ff9b::8.8.8.8', '64:ff9b:1::1', '100::1', 'fe80::1', 'fec0::1', 'fc00::1'],
    ...[
      'fd12:3456::1',
      'ff02::1',
      '2001:db8::1',
      '2001::1',
      '2001:20::1',
      '2002:7f00:1::',
      '3fff::1',
      '5f00::1',
    ],
    ...['', 'localhost', '127.1', '0x7f000001', '2130706433', '1.2.3.4.5', '::1%lo', '1.1.1.1/8'],
  ])('should be refused where they are not: %s', (address) => {
    expect(addresses().isAllowed(address)).toBe(false);
  });

  it('should be allowed by their networks, and no others by these', () => {
    const some = addresses(['10.20.0.0/16', 'fd00:20::/32', '127.0.0.1/32']);
    for (const address of ['10.20.3.4', 'fd00:20::5', '127.0.0.1', '1.1.1.1'])
      expect([address, some.isAllowed(address)]).toEqual([address, true]);
    for (const address of [
      '10.21.0.1',
      'fd00:21::5',
      '127.0.0.2',
      '::1',
      '::ffff:10.20.3.4',
      '::ffff:127.0.0.1',
    ])
      expect([address, some.isAllowed(address)]).toEqual([address, false]);
  });
});

describe('the URL of a receiver', () => {
  const { ports, allowHttp } = new WebhooksConfig();

  it.each<[string, RegExp | undefined]>([
    ['https://a.example/', undefined],
    ['https://a.example:8443/x?y=1', undefined],
    ['https://a.example:22/', /must have one of the ports 443, 8443/],
    ['https://a.example:0/', /must have one of the ports/],
    ['http://a.example/', /^must begin with https:\/\/$/],
    ['http://a.example:443/', /must begin with https/],
    ['https://a@a.example/', /no user name or password/],
    ['https://:b@a.example/', /no user name or password/],
    ['https://a.example:99999/', /must be a URL/],
    ['https:///', /must be a URL/],
    ['javascript:alert(1)', /must begin with https/],
  ])('%s', (url, fault) => {
    const found = faultOfUrl(url, { ports, allowHttp });
    if (fault) expect(found).toMatch(fault);
    else expect(found).toBeUndefined();
  });
});
