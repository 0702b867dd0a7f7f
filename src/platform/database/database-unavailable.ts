import pg from 'pg';
import {
  QueryFailedError,
  QueryRunnerAlreadyReleasedError,
  QueryRunnerProviderAlreadyReleasedError,
} from 'typeorm';

/** The database could not be reached, or stopped answering: nothing is wrong with what was asked of it. */
export class DatabaseUnavailable extends Error {
  constructor(cause: unknown) {
    super('the database is away', { cause });
  }
}

/**
 * SQLSTATEs by which a server says that it cannot answer now: connection lost (08), shutting down, crashed or starting
 * (57P), too many connections (53300), a statement past its time (57014), an idle transaction cut off (25P03).
 */
const AWAY = /^(08|57P|53300|57014|25P03)/;

const RELEASED = [QueryRunnerAlreadyReleasedError, QueryRunnerProviderAlreadyReleasedError];

/**
 * Whether work in a transaction failed for want of a server. What the driver throws by itself, with no SQLSTATE, is
 * always that; a connection that breaks between two statements is given back by TypeORM, which then refuses the next.
 */
export function isDatabaseAway(error: unknown): boolean {
  if (RELEASED.some((type) => error instanceof type)) return true;
  if (!(error instanceof QueryFailedError)) return false;
  const cause: unknown = error.driverError;
  return cause instanceof pg.DatabaseError ? AWAY.test(cause.code ?? '') : true;
}
