import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { sign } from './signature.js';

const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`;

/** The code of the documentation that has a certain word in it. */
function documented(language: string, word: string): string {
  const page = readFileSync('docs/webhooks.md', 'utf8');
  const blocks = [...page.matchAll(/^```(\w+)\n([^]*?)^```$/gm)];
  return blocks.find(([, of, code]) => of === language && code!.includes(word))![2]!;
}

describe('a signature', () => {
  it.each(['{}', '', 'ä𝄞\n', '\0', 'x'.repeat(100_000)])('should be that of the reference: %#', (body) => {
    const [secret, other] = [newSecret(), newSecret()];
    const at = new Date();
    const reference = new Webhook(secret);
    const signed = sign([secret], 'event', body, at);
    expect(signed['webhook-signature']).toBe(reference.sign('event', at, body));
    const both = sign([other, secret], 'event', body, at);
    expect(both['webhook-signature'].split(' ')).toEqual([
      new Webhook(other).sign('event', at, body),
      reference.sign('event', at, body),
    ]);
    if (body === '{}') expect(reference.verify(body, { ...both })).toEqual({});
  });

  it('should be verified by the Python of the documentation, and nothing else be', () => {
    const secret = newSecret();
    const body = '{"name":"ü"}';
    const headers = sign([newSecret(), secret], 'event', body);
    const old = sign([secret], 'event', body, new Date(Date.now() - 400_000));
    const cases = [
      [secret, headers, body],
      [newSecret(), headers, body],
      [secret, headers, `${body} `],
      [secret, { ...headers, 'webhook-id': 'other' }, body],
      [secret, old, body],
    ];
    const code = `${documented('python', 'def verify')}
import json, sys
for secret, headers, body in json.load(sys.stdin):
    print(verify(secret, headers, body.encode()))`;
    const output = execFileSync('python3', ['-c', code], { input: JSON.stringify(cases), encoding: 'utf8' });
    expect(output.trim().split('\n')).toEqual(['True', 'False', 'False', 'False', 'False']);
  });

  it('should be made by the openssl of the documentation, too', () => {
    const secret = newSecret();
    const body = '{"name":"ü"}';
    const { 'webhook-id': ID, ...headers } = sign([secret], 'event', body);
    const cwd = mkdtempSync(join(tmpdir(), 'signature-'));
    writeFileSync(join(cwd, 'body.json'), body);
    const variables = [`SECRET=${secret}`, `ID=${ID}`, `TIMESTAMP=${headers['webhook-timestamp']}`];
    const output = execFileSync('env', [...variables, 'sh', '-c', documented('sh', 'openssl dgst')], {
      cwd,
      encoding: 'utf8',
    });
    expect(`v1,${output.trim()}`).toBe(headers['webhook-signature']);
  });
});
