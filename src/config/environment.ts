import { resolve } from 'node:path';

/** How the text of one environment variable becomes a value; throws an Error that says what is allowed. */
export type Parser<T> = (text: string) => T;

interface Variable {
  field: string;
  name: string;
  parse: Parser<unknown>;
  doc: string;
}

const variablesOf = new Map<object, Variable[]>();

/** Binds a field of a config class to an environment variable; the field's initial value is the default. */
export function Env<T>(name: string, parse: Parser<T>, doc: string) {
  return (target: object, field: string): void => {
    const variables = variablesOf.get(target.constructor) ?? [];
    variablesOf.set(target.constructor, [
      ...variables,
      { field, name, parse: parse as Parser<unknown>, doc },
    ]);
  };
}

export type ConfigClass<T extends object = object> = new () => T;

/** Every fault of the environment at once, so that one restart mends them all. */
export class ConfigError extends Error {
  constructor(readonly faults: readonly string[]) {
    super(`the environment is not valid:\n  ${faults.join('\n  ')}`);
  }
}

/** Reads one config class; an unset or empty variable keeps the default. */
export function readConfig<T extends object>(
  type: ConfigClass<T>,
  env: NodeJS.ProcessEnv,
  faults: string[],
): T {
  const config = new type();
  for (const { field, name, parse } of variablesOf.get(type) ?? []) {
    const text = env[name]?.trim();
    if (!text) continue;
    try {
      Object.assign(config, { [field]: parse(text) });
    } catch (error) {
      faults.push(`${name}: ${(error as Error).message}`);
    }
  }
  return config;
}

/** The text of `.env.example`: every variable with its meaning and its default. */
export function describeEnvironment(types: readonly ConfigClass[]): string {
  const sections = types.map((type) => {
    const defaults = new type() as Record<string, unknown>;
    const lines = (variablesOf.get(type) ?? []).map(
      ({ field, name, doc }) => `# ${doc}\n# ${name}=${textOf(defaults[field])}`,
    );
    return `## ${type.name.replace(/Config$/, '')}\n\n${lines.join('\n\n')}\n`;
  });
  return `# Every setting of Modelplane. \`npm start\` needs none of them; a commented value is the default.\n\n${sections.join('\n')}`;
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return Array.isArray(value) ? value.join(',') : typeof value === 'object' ? '' : String(value);
}

export const text: Parser<string> = (value) => value;

export const folder: Parser<string> = (value) => resolve(value);

export const url: Parser<string> = (value) => {
  if (!URL.canParse(value)) throw new Error('must be a URL');
  return value;
};

export function matching(pattern: RegExp, allowed: string): Parser<string> {
  return (value) => {
    if (!pattern.test(value)) throw new Error(`must be ${allowed}, got "${value}"`);
    return value;
  };
}

export const secret: Parser<string> = (value) => {
  if (Buffer.byteLength(value) < 32)
    throw new Error(`must have at least 32 bytes, has ${Buffer.byteLength(value)}`);
  return value;
};

export const list: Parser<string[]> = (value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);

export const boolean: Parser<boolean> = (value) => {
  if (value !== 'true' && value !== 'false') throw new Error(`must be true or false, got "${value}"`);
  return value === 'true';
};

export function integer(minimum: number, maximum: number): Parser<number> {
  return (value) => {
    const number = Number(value);
    if (!Number.isInteger(number) || number < minimum || number > maximum) {
      throw new Error(`must be a whole number from ${minimum} to ${maximum}, got "${value}"`);
    }
    return number;
  };
}

export function decimal(minimum: number, maximum: number): Parser<number> {
  return (value) => {
    const number = Number(value);
    if (!(number >= minimum && number <= maximum)) {
      throw new Error(`must be a number from ${minimum} to ${maximum}, got "${value}"`);
    }
    return number;
  };
}

export function oneOf<const T extends string>(...allowed: T[]): Parser<T> {
  return (value) => {
    if (!(allowed as string[]).includes(value)) {
      throw new Error(`must be one of ${allowed.join(', ')}, got "${value}"`);
    }
    return value as T;
  };
}
