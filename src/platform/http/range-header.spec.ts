import { parseRange } from './range-header.js';

describe('parseRange', () => {
  it.each([
    ['bytes=0-0', { start: 0, end: 0 }],
    ['bytes=0-99', { start: 0, end: 99 }],
    ['bytes=5-', { start: 5, end: undefined }],
    ['bytes=-3', { start: 7 }],
    ['bytes=-10', { start: 0 }],
    ['bytes=-11', { start: 0 }],
    // Past the end: the store answers that no byte can be in it.
    ['bytes=10-', { start: 10, end: undefined }],
    ['bytes=-0', { start: 10 }],
  ])('should read %s of ten bytes', (header, range) => {
    expect(parseRange(header, 10)).toEqual(range);
  });

  it.each([
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=3-2',
    'bytes=a-b',
    'bytes=1-2,4-5',
    'bytes=+1-2',
    'bytes=1.5-2',
    'bytes= 1-2',
    'items=0-1',
    `bytes=${'9'.repeat(16)}-`,
  ])('should ignore %j', (header) => {
    expect(parseRange(header, 10)).toBeUndefined();
  });
});
