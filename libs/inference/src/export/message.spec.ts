import { fieldsOf, textOf } from '../gate/wire-reader.js';
import { Message } from './message.js';

const MEBIBYTE = 2 ** 20;

describe('a protobuf message', () => {
  it('should be read as it was written, in pieces of one size', () => {
    const large = Uint8Array.from({ length: 2.5 * MEBIBYTE }, (_, at) => at % 251);
    const inner = new Message().text(1, 'Köln').integer(2, 300).integer(3, -1n);
    const message = new Message()
      .bytes(7, large)
      .bytes(8, inner)
      .integer(16, 2 ** 40);
    const chunks = [...message.chunks()];
    expect(chunks.map(({ length }) => length)).toEqual([MEBIBYTE, MEBIBYTE, message.length - 2 * MEBIBYTE]);
    const bytes = Buffer.concat(chunks);
    const [first, second, third] = [...fieldsOf(bytes)];
    expect(bytes.subarray(first!.start, first!.end).equals(large)).toBe(true);
    const within = [...fieldsOf(bytes, second!.start, second!.end)];
    expect([textOf(bytes, within[0]!), within[1]!.value, within[2]!.value]).toEqual(['Köln', 300n, -1n]);
    expect(third).toMatchObject({ number: 16, value: 2n ** 40n });
  });

  it('should take over fields of every type from another file', () => {
    const other = Buffer.from([0x08, 0x05, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1a, 2, 65, 66, 0x25, 1, 2, 3, 4]);
    const copy = new Message();
    for (const field of fieldsOf(other)) copy.field(other, field);
    expect(Buffer.concat([...copy.chunks()]).equals(other)).toBe(true);
  });
});
