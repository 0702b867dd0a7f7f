import { execFile } from 'node:child_process';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

type Answer = (response: ServerResponse, received: Received, count: number) => void;

export interface Certificate {
  key: string;
  cert: string;
  /** The file of `cert`, which certifies itself. */
  file: string;
}

/** A certificate for one name, made by the machine's openssl. */
export async function certificateFor(name: string): Promise<Certificate> {
  const folder = await mkdtemp(join(tmpdir(), 'certificate-'));
  const [key, file] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`];
  await promisify(execFile)('openssl', ['req', ...kind, ...names, '-keyout', key, '-out', file]);
  return { key: await readFile(key, 'utf8'), cert: await readFile(file, 'utf8'), file };
}

/** Takes webhooks, and answers as it is told to. */
export class Receiver {
  readonly received: Received[] = [];
  /** 204 unless it is replaced. */
  answer: Answer = (response) => response.writeHead(204).end();

  private constructor(
    readonly server: Server,
    private readonly scheme: 'http' | 'https',
  ) {}

  static async start(certificate?: Certificate): Promise<Receiver> {
    const server = certificate ? createTlsServer(certificate) : createServer();
    const receiver = new Receiver(server, certificate ? 'https' : 'http');
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { url = '', headers } = request;
        const received = { path: url, headers, body: Buffer.concat(chunks).toString() };
        receiver.answer(response, received, receiver.received.push(received));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return receiver;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  url(host = '127.0.0.1'): string {
    return `${this.scheme}://${host}:${this.port}/hook?of=me`;
  }

  /** What `data` of the bodies holds, in the order in which they came. */
  data(): Record<string, unknown>[] {
    return this.received.map(({ body }) => (JSON.parse(body) as { data: Record<string, unknown> }).data);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

const TYPES: Record<number, number> = { 1: 4, 28: 6 };

/** A name server that says what it is told to say. */
export class NameServer {
  /** Names that were asked for, each with the type of record. */
  readonly asked: string[] = [];
  /** Addresses of names; each question takes the next list, the last one stays. A name with no list is not answered. */
  readonly names = new Map<string, string[][]>();

  private constructor(private readonly socket: UdpSocket) {
    socket.on('message', (message, { port, address }) => {
      const [name, end] = nameIn(message);
      const family = TYPES[message.readUInt16BE(end)];
      this.asked.push(`${name} ${family}`);
      const lists = this.names.get(name);
      if (!lists) return;
      const found = (lists[0] ?? []).filter((each) => isIP(each) === family);
      // A name is asked for twice, once for each family.
      if (lists.length > 1 && family === 6) lists.shift();
      socket.send(answerTo(message.subarray(0, end + 4), found), port, address);
    });
  }

  static async start(): Promise<NameServer> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new NameServer(socket);
  }

  get address(): string {
    return `127.0.0.1:${this.socket.address().port}`;
  }

  stop(): void {
    this.socket.close();
  }
}

function nameIn(message: Buffer): [name: string, end: number] {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at]!; length > 0; length = message[at]!) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return [labels.join('.').toLowerCase(), at + 1];
}

function answerTo(question: Buffer, addresses: string[]): Buffer {
  const head = Buffer.from(question);
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt32BE(0, 8);
  const records = addresses.map((address) => {
    const bytes = bytesOf(address);
    const record = Buffer.alloc(12);
    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(isIP(address) === 4 ? 1 : 28, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt16BE(bytes.length, 10);
    return Buffer.concat([record, bytes]);
  });
  return Buffer.concat([head, ...records]);
}

function bytesOf(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [before = '', after] = address.split('::');
  const words = (text: string) => (text ? text.split(':').map((word) => parseInt(word, 16)) : []);
  const [head, tail] = [words(before), words(after ?? '')];
  const all = [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 255]));
}
