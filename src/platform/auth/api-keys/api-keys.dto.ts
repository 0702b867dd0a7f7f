import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsIn,
  IsInt,
  IsString,
  Matches,
  Max,
  Min,
} from 'class-validator';
import { IsNormalized } from '../../http/is-normalized.decorator.js';
import { IsTime } from '../../http/is-time.decorator.js';
import { MayBeAbsent } from '../../http/may-be-absent.decorator.js';
import { PageInfo } from '../../http/page.js';
import { ALL_ROLES, type Role } from '../identity.js';

/** Names begin with a letter or digit of any script and have no control characters. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N} ._:-]{0,127}$/u;
const NAME_RULE = 'must be 1 to 128 letters, digits, spaces or . _ : - and begin with a letter or digit';

export const MAX_DAYS = 3650;

export class IssueApiKeyDto {
  /**
   * What the key is for; two keys may have the same name.
   * @example orders-service
   */
  @IsString()
  @Matches(NAME, { message: `name ${NAME_RULE}` })
  @IsNormalized()
  name: string;

  /**
   * What its bearer may do; none that the caller has not.
   * @example ["predictor"]
   */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(ALL_ROLES.length)
  @ArrayUnique()
  @IsIn(ALL_ROLES, { each: true })
  roles: Role[];

  /**
   * When it ends, within ten years; without this and expires_in_days it does not end.
   * @example 2027-02-12T10:00:00Z
   */
  @MayBeAbsent()
  @IsTime()
  expires_at?: string;

  /**
   * In how many days it ends, instead of expires_at.
   * @example 90
   */
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(MAX_DAYS)
  expires_in_days?: number;
}

export class RotateApiKeyDto {
  /**
   * For how long the key of before is still taken, in seconds; 0: no more.
   * @example 3600
   */
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(86_400)
  overlap_seconds?: number = 0;
}

export class ApiKeyBody {
  /**
   * Id of the key.
   * @example 019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  key_id: string;

  /**
   * What the key is for.
   * @example orders-service
   */
  name: string;

  /**
   * What the key begins with: all before its secret.
   * @example mp_02oXl5oVZxRdeXvzpI5aCe
   */
  prefix: string;

  /**
   * The last four characters of the key.
   * @example 4kQz
   */
  last_four: string;

  /**
   * What its bearer may do.
   * @example ["predictor"]
   */
  roles: string[];

  /**
   * Who issued it.
   * @example ana@acme-corp.example
   */
  created_by: string;

  /**
   * When it was issued.
   * @example 2026-02-12T10:00:00Z
   */
  created_at: string;

  /**
   * When it got its present secret, where that is not its first.
   * @example 2026-03-12T10:00:00Z
   */
  rotated_at: string | null;

  /**
   * Until when the secret of before is taken too.
   * @example 2026-03-12T11:00:00Z
   */
  previous_until: string | null;

  /**
   * When it was last used, to the minute.
   * @example 2026-02-12T10:05:00Z
   */
  last_used_at: string | null;

  /**
   * When it ends.
   * @example 2026-05-13T10:00:00Z
   */
  expires_at: string | null;

  /**
   * When it was revoked.
   * @example 2026-04-12T10:00:00Z
   */
  revoked_at: string | null;
}

export class IssuedApiKeyBody extends ApiKeyBody {
  /**
   * The key, this once; null in an answer that is replayed.
   * @example mp_02oXl5oVZxRdeXvzpI5aCe7hT0s5Vd1mR9wYbKq3ZxNc8JfLuPgEa2Ri6Ho4kQz
   */
  key: string | null;
}

export class ApiKeyPage {
  /** Keys, newest first. */
  data: ApiKeyBody[];

  /** Where the next page begins. */
  page: PageInfo;
}
