import { costOf } from './predict-request.js';

describe('what a prediction costs', () => {
  it.each<[unknown, number]>([
    [{ features: {} }, 1],
    [{ features: [{}, {}, {}] }, 3],
    [{ features: [] }, 1],
    [{ features: {}, options: { return_explanation: true } }, 100],
    [{ features: [{}, {}], options: { return_explanation: true } }, 200],
    [{ features: [{}, {}], options: { return_explanation: false } }, 2],
    [{ features: {}, options: null }, 1],
    [null, 1],
    ['text', 1],
  ])('%j: %i tokens', (body, tokens) => expect(costOf(body)).toBe(tokens));
});
