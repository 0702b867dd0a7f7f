import { parseModelReference } from './model-reference.js';

const ID = '550e8400-e29b-41d4-a716-446655440000';

describe('a reference to a model', () => {
  it.each([
    [ID, { by: { id: ID } }],
    [ID.toUpperCase(), { by: { id: ID.toUpperCase() } }],
    ['churn', { by: { name: 'churn' } }],
    ['2nd model: v1.0-beta', { by: { name: '2nd model: v1.0-beta' } }],
    ['模型_流失', { by: { name: '模型_流失' } }],
    [`${ID}0`, { by: { name: `${ID}0` } }],
    ['churn@production', { by: { name: 'churn' }, stage: 'production' }],
    ['churn@staging', { by: { name: 'churn' }, stage: 'staging' }],
    [`${ID}@staging`, { by: { id: ID }, stage: 'staging' }],
    ['churn@development', { by: { name: 'churn' }, stage: 'development' }],
  ])('should be read from %s', (text, expected) => {
    expect(parseModelReference(text)).toEqual(expected);
  });

  it.each(['', ' ', '@staging', 'a@b@staging', 'a@staging@', 'a\u0000', 'a/b', '-a', 'a'.repeat(129)])(
    'should be of no model for %j',
    (text) => {
      expect(parseModelReference(text)).toBeUndefined();
    },
  );

  it.each([
    'churn@',
    'churn@prod',
    'churn@Production',
    'churn@archived',
    'churn@ staging',
    'churn@constructor',
  ])('should be refused with the stages that there are for %j', (text) => {
    expect(() => parseModelReference(text)).toThrow(/stage/);
  });
});
