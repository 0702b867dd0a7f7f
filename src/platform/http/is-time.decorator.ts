import { applyDecorators } from '@nestjs/common';
import { IsISO8601, Matches, type ValidationArguments } from 'class-validator';

const RULE = 'must be a time of ISO 8601 with its zone, such as 2026-02-12T10:00:00Z';
const message = ({ property }: ValidationArguments): string => `${property} ${RULE}`;

/** A point in time. Without a zone a text would mean another one on another server. */
export const IsTime = (): PropertyDecorator =>
  applyDecorators(IsISO8601({ strict: true }, { message }), Matches(/(Z|[+-]\d\d:\d\d)$/, { message }));
