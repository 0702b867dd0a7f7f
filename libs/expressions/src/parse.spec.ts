import { compile, ExpressionError, parseExpression } from './index.js';

const COLUMNS = new Map([
  ['income', 'float64'],
  ['orders', 'int64'],
  ['Name', 'string'],
  ['user', 'string'],
  ['seen_at', 'timestamp'],
  ['is_open', 'boolean'],
  ['tags', 'string_list'],
]);

const faultOf = (text: string) =>
  parseExpression(
    text,
    COLUMNS,
    (wrong, names) => [...names].find((name) => name[0] === wrong[0]) ?? null,
  ).then(
    () => null,
    (error: unknown) => error as ExpressionError,
  );

describe('parseExpression', () => {
  it.each([
    ['', 1, 'empty'],
    ['  ', 1, 'empty'],
    ['income +', 9, 'syntax error at end of input'],
    ["'né🦊' || (", 11, 'syntax error at end of input'],
    ['orders; orders', 9, 'syntax error'],
    ['orders, orders', 1, 'one expression is expected'],
    ['orders as x', 1, 'one expression is expected'],
    ['orders from secrets', 1, 'one expression is expected'],
    ['orders union select 1', 1, 'one expression is expected'],
    ['distinct orders', 1, 'one expression is expected'],
    ['*', 1, 'one name'],
    ['a\0b', 2, 'NUL'],
    ["'\ud800'", 2, 'surrogate'],
    ["'né🦊' || incme", 10, 'there is no column incme; is income meant?'],
    ['orders + t.income', 10, 'one name'],
    ['INCOM', 1, 'there is no column INCOM'],
    ['tags', 1, 'is a string_list'],
    ['user', 1, 'double quotes'],
    ['now()', 1, 'there is no function now; is nullif meant?'],
    ['constructor(1)', 1, 'there is no function constructor'],
    ['pg_catalog.pg_sleep(1)', 1, 'there is no function pg_sleep'],
    ['current_date', 1, 'a word that SQL keeps'],
    ['(select 1)', 1, 'a query is not allowed'],
    ['orders in (select 1)', 8, 'a query is not allowed'],
    ['$1', 1, 'a parameter is not allowed'],
    ['array[1]', 1, 'an array is not allowed'],
    ['Name[1]', 1, 'a subscript'],
    ['row(1, 2)', 1, 'a list of values'],
    ["Name like 'a%'", 6, 'operator'],
    ["Name ~ 'a'", 6, 'the operator ~ is not allowed'],
    ['abs(distinct orders)', 1, 'no aggregate'],
    ['abs(orders) over ()', 1, 'no aggregate'],
    ['abs(variadic orders)', 1, 'no aggregate'],
    ['abs()', 1, 'abs takes 1 arguments, got 0'],
    ['substring(Name)', 1, 'takes 2 to 3 arguments'],
    ['Name + 1', 8, '+ takes one type, not string and int64'],
    ["Name + 'x'", 6, '+ takes numbers, not string; see ||'],
    ['seen_at - seen_at', 9, 'see date_diff'],
    ['orders = Name', 10, 'a comparison takes one type, not int64 and string'],
    ['lower(orders)', 7, 'argument 1 of lower must be string, got int64'],
    ['orders and is_open', 1, 'and must be boolean, got int64'],
    ['case when orders then 1 end', 11, 'when must be boolean'],
    ["case when is_open then 1 else 'x' end", 31, 'case takes one type'],
    ['coalesce(null, null)', 1, 'no value but NULL'],
    ['null', 1, 'always NULL'],
    ['12345678901234567890', 1, 'is no int64'],
    ['1e400', 1, 'is no'],
    ["b'1'", 1, 'is no'],
    ["interval '1 day'", 1, 'casts are to'],
    ['cast(income as numeric)', 1, 'not to numeric'],
    ['cast(income as varchar(3))', 1, 'limits'],
    ['cast(income as boolean)', 1, 'a float64 cannot be cast to boolean'],
    ["'x'::int64", 1, '"x" is no int64'],
    ["seen_at > 'yesterday'", 11, '"yesterday" is no timestamp'],
    ['round(income, orders)', 15, 'argument 2 of round must be a whole number'],
    ['round(income, 21)', 15, 'argument 2 of round'],
    ['extract(week from seen_at)', 9, 'argument 1 of extract must be one of year'],
    ["date_diff('month', seen_at, seen_at)", 11, 'must be one of second'],
  ])('should refuse %j at %i: %s', async (text, position, message) => {
    const fault = await faultOf(text);
    expect(fault).toBeInstanceOf(ExpressionError);
    expect(fault!.message).toContain(message);
    expect(fault!.position).toBe(position);
  });

  it('should refuse what is too large', async () => {
    expect(await faultOf(' '.repeat(2_001))).toMatchObject({
      message: expect.stringContaining('2000') as string,
    });
    expect(await faultOf('orders' + '+1'.repeat(50))).toMatchObject({
      message: 'an expression is at most 50 levels deep',
    });
    expect(await faultOf('orders' + '+1'.repeat(49))).toBeNull();
    expect(await faultOf(`orders in (1${',1'.repeat(500)})`)).toMatchObject({
      message: 'an expression has at most 500 nodes',
    });
    // What is repeated for each bound grows by powers of two.
    let twice = 'orders';
    for (let depth = 0; depth < 40; depth++)
      twice = `${twice} between 1 and 2`.replace(/^(.*)$/, '(($1)::int8)');
    expect(await faultOf(twice)).toMatchObject({ message: expect.stringContaining('at most') as string });
    expect(await faultOf('('.repeat(990) + 'orders' + ')'.repeat(990))).toBeNull();
  });

  it.each([
    ['TotalCharges', 'TotalCharges'],
    ['"TotalCharges"', 'TotalCharges'],
    ['TOTAL', 'total'],
    ['"total"', 'total'],
    ['"user"', 'user'],
  ])('should read the column %s by its name', async (text, name) => {
    const columns = new Map(['TotalCharges', 'total', 'user'].map((each) => [each, 'int64']));
    expect((await parseExpression(text, columns)).tree).toEqual({ op: 'column', name, type: 'int64' });
  });

  it.each(['"TOTAL"', 'U&"total"', `"${'t'.repeat(63)}u"`])('should not read %s by another', async (text) => {
    const columns = new Map(['total', 'U', 't'.repeat(63)].map((name) => [name, 'int64']));
    await expect(parseExpression(text, columns)).rejects.toThrow('there is no column');
  });

  it.each([
    ['orders + income', 'float64'],
    ['orders / orders', 'float64'],
    ['orders % 2', 'int64'],
    ['coalesce(null, orders)', 'int64'],
    ['coalesce(orders, 0.5)', 'float64'],
    ["coalesce(seen_at, '2026-01-01')", 'timestamp'],
    ["'2026-01-01'", 'string'],
    ['ceil(orders)', 'int64'],
    ['null::timestamp', 'timestamp'],
  ])('should type %s as %s', async (text, type) => {
    expect((await parseExpression(text, COLUMNS)).type).toBe(type);
  });
});

describe('compile', () => {
  const evaluate = async (text: string, row: Record<string, unknown>) =>
    compile((await parseExpression(text, COLUMNS)).tree)(row);

  it.each([
    ['orders + 1', { orders: '9223372036854775806' }, '9223372036854775807'],
    ['orders + 1', { orders: '9223372036854775807' }, null],
    ['orders * orders', { orders: 3037000499 }, '9223372030926249001'],
    ['orders * orders', { orders: 3037000500 }, null],
    ['orders - 1', { orders: '9007199254740993' }, '9007199254740992'],
    ['orders - 2', { orders: '9007199254740993' }, 9007199254740991],
    ['-orders', { orders: '-9223372036854775808' }, null],
    ['div(orders, -1)', { orders: '-9223372036854775808' }, null],
    ['orders', { orders: 1.5 }, null],
    ['orders', { orders: true }, null],
    ['orders', {}, null],
    ['income * 10', { income: 1e308 }, null],
    ['income', { income: NaN }, null],
    ['ln(income)', { income: -1 }, null],
    ['income / 0', { income: 1 }, null],
    ['0 - income', { income: 0 }, 0],
    ['length(Name)', { Name: '👩‍👩‍👧' }, 5],
    ["Name < '\u{10000}'", { Name: '\uffff' }, true],
    ["replace(Name, 'a', 'aaaaaaaaaa')", { Name: 'a'.repeat(1_001) }, null],
    ["replace(Name, 'a', '$&$1')", { Name: 'a' }, '$&$1'],
    ['seen_at', { seen_at: '2026-02-12 10:00:00+02:00' }, '2026-02-12T08:00:00.000000Z'],
    ['extract(year from seen_at)', { seen_at: '9999-12-31T23:59:59.999999Z' }, 9999],
    ['seen_at', { seen_at: '2026-02-30' }, null],
  ])('should answer %s of %j as %j', async (text, row, value) => {
    expect(await evaluate(text, row)).toBe(value);
  });

  it('should read no property that the row does not hold', () => {
    const read = (name: string, type: 'string' | 'int64') => compile({ op: 'column', name, type })({});
    expect([read('constructor', 'string'), read('__proto__', 'string'), read('toString', 'int64')]).toEqual([
      null,
      null,
      null,
    ]);
  });
});
