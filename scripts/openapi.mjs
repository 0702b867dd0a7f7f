// Writes openapi.json from the built application; with --check only compares.
import { openApiText } from './parts/built.mjs';
import { writeOrCheck } from './parts/generated-file.mjs';

await writeOrCheck({
  name: 'openapi.json',
  text: openApiText,
  remedy: 'run npm run build && npm run generate',
});
