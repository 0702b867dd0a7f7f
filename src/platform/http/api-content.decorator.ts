import { applyDecorators } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiResponse } from '@nestjs/swagger';

const CONTENT = { 'application/octet-stream': {} };

/** Documents a route that answers with `sendObject`. @param whole describes the answer without a range */
export const ApiContent = (whole: string) =>
  applyDecorators(
    ApiHeader({
      name: 'Range',
      required: false,
      description: 'One byte range; any other is ignored.',
      schema: { type: 'string', example: 'bytes=0-1023' },
    }),
    ApiOkResponse({ description: whole, content: CONTENT }),
    ApiResponse({
      status: 206,
      description: 'The range of the content that was asked for.',
      content: CONTENT,
    }),
  );
