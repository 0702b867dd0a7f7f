import { PassThrough } from 'node:stream';
import { Problem } from '../errors/problem.js';
import { readParts } from './multipart.js';

describe('readParts', () => {
  it("should take an upload that is cut off for the caller's fault, not the server's", async () => {
    const body = new PassThrough();
    const reading = readParts(body, 'multipart/form-data; boundary=b', {
      file: 'artifact',
      take: async (content) => void (await content.toArray()),
      texts: [],
      maxTextBytes: 100,
    });
    body.write('--b\r\nContent-Disposition: form-data; name="artifact"; filename="a"\r\n\r\nhalf');
    setImmediate(() => body.destroy());
    const error = await reading.catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(Problem);
    expect(error).toMatchObject({ status: 400, detail: expect.stringContaining('cut off') });
  });
});
