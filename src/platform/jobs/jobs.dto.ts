import { ApiProperty } from '@nestjs/swagger';
import { PageInfo } from '../http/page.js';

export class LogLine {
  @ApiProperty({ description: 'When it was written, UTC.', example: '2026-02-12T10:00:01.250Z' })
  time: string;

  @ApiProperty({ description: 'Attempt of the job that wrote it.', example: 1 })
  attempt: number;

  @ApiProperty({ description: 'info, warning or error.', example: 'info' })
  level: string;

  @ApiProperty({ description: 'The line.', example: 'read 5634 rows and 20 columns' })
  message: string;
}

export class LogPage {
  @ApiProperty({ description: 'Lines, oldest first.', type: [LogLine] })
  data: LogLine[];

  @ApiProperty({ description: 'Where the page stands.' })
  page: PageInfo;
}
