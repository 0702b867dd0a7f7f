import { ValidateIf } from 'class-validator';

/** The field may be left out. Unlike with `IsOptional`, null is no way to do so: no column takes it. */
export const MayBeAbsent = (): PropertyDecorator => ValidateIf((_, value) => value !== undefined);
