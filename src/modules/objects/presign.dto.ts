import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsInt, IsString, MaxLength, Min } from 'class-validator';
import { MayBeAbsent } from '../../platform/http/may-be-absent.decorator.js';

export class PresignDto {
  @ApiProperty({ description: 'The object.', example: 's3://data/train.parquet' })
  @IsString()
  @MaxLength(1200)
  uri: string;

  @ApiProperty({
    description: 'What the URL is for: GET to download, PUT to upload, which needs the role scientist.',
    enum: ['GET', 'PUT'],
    example: 'PUT',
  })
  @IsIn(['GET', 'PUT'])
  method: 'GET' | 'PUT';

  @ApiProperty({
    description: 'How long the URL works, from 1 to MODELPLANE_MAX_PRESIGN_SECONDS (a day).',
    required: false,
    default: 900,
    minimum: 1,
    example: 900,
  })
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  expires_in_seconds?: number;
}

export class PresignedUrl {
  @ApiProperty({ description: 'The object.', example: 's3://data/train.parquet' })
  uri: string;

  @ApiProperty({
    description: 'The one method that the URL works with.',
    enum: ['GET', 'PUT'],
    example: 'PUT',
  })
  method: 'GET' | 'PUT';

  @ApiProperty({
    description:
      'Works without a token for whoever holds it: of the S3 server, or of this service for a folder.',
    example:
      'http://127.0.0.1:8000/api/v1/signed-objects/data/train.parquet?tenant=acme-corp&expires=1770891300&signature=AAAA',
  })
  url: string;

  @ApiProperty({ description: 'When it stops working, UTC.', example: '2026-02-12T10:15:00.000Z' })
  expires_at: string;
}

export class SignedQuery {
  @ApiProperty({ description: 'Tenant that asked for the URL.', example: 'acme-corp' })
  @IsString()
  tenant: string;

  @ApiProperty({ description: 'End of the URL, seconds since 1970.', example: '1770891300' })
  @IsString()
  expires: string;

  @ApiProperty({ description: 'Proof that this service made the URL.', example: 'AAAA' })
  @IsString()
  signature: string;
}
