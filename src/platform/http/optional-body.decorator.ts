import 'reflect-metadata';

const OPTIONAL_BODY = Symbol('optional body');

/** A body class of which a request may come without any body, which then is an empty one. */
export const OptionalBody = (): ClassDecorator => Reflect.metadata(OPTIONAL_BODY, true) as ClassDecorator;

export function isOptionalBody(bodyClass: object | undefined): boolean {
  return bodyClass !== undefined && Reflect.hasMetadata(OPTIONAL_BODY, bodyClass);
}
