// Writes .env.example from the built config classes; with --check only compares.
import { environmentText } from './parts/built.mjs';
import { writeOrCheck } from './parts/generated-file.mjs';

await writeOrCheck({
  name: '.env.example',
  text: environmentText,
  remedy: 'run npm run build && npm run generate',
});
