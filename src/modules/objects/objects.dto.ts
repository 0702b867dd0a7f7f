import { ApiProperty } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';
import { PageInfo, PageQuery } from '../../platform/http/page.js';

export class ListObjectsQuery extends PageQuery {
  @ApiProperty({ description: 'Start of the URIs to list; ends with a slash.', example: 's3://data/' })
  @IsString()
  @MaxLength(1200)
  prefix: string;
}

class ObjectFacts {
  @ApiProperty({ description: 'Where the object lies.', example: 's3://data/train.parquet' })
  uri: string;

  @ApiProperty({ description: 'Size in bytes.', example: 183204 })
  size_bytes: number;

  @ApiProperty({ description: 'Changes whenever the content does.', example: '2cc54-19c1a7c0b3e' })
  etag: string;
}

export class ObjectEntry extends ObjectFacts {
  @ApiProperty({ description: 'When it was written, UTC.', example: '2026-02-12T10:00:00.000Z' })
  last_modified: string;
}

export class StoredObjectEntry extends ObjectFacts {
  @ApiProperty({
    description: 'SHA-256 of the content.',
    example: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  })
  sha256: string;
}

export class ObjectPage {
  @ApiProperty({ description: 'Objects in UTF-8 order of their URIs.', type: [ObjectEntry] })
  data: ObjectEntry[];

  @ApiProperty({ description: 'Where the page stands.' })
  page: PageInfo;
}
