// Writes docs/estimators.md from contracts/estimators.v1.json; with --check only compares.
import { readFileSync } from 'node:fs';
import { writeOrCheck } from './parts/generated-file.mjs';
import { inRoot } from './parts/paths.mjs';

async function guide() {
  const { description, frameworks } = JSON.parse(
    readFileSync(inRoot('contracts', 'estimators.v1.json'), 'utf8'),
  );
  const sections = Object.entries(frameworks).map(([framework, { default: preferred, estimators }]) => {
    const parts = Object.entries(estimators).map(([name, estimator]) =>
      section(name, estimator, name === preferred),
    );
    return `## \`framework: ${framework}\`\n\n${parts.join('\n')}`;
  });
  return `# Estimators and their settings\n\nMade from \`contracts/estimators.v1.json\`. ${description}\n\n${sections.join('\n')}`;
}

function section(name, estimator, isDefault) {
  const { description, model_types, hyperparameters, training_config, only, default_space } = estimator;
  const settings = Object.entries(hyperparameters).map(([hyperparameter, schema]) => {
    const note = only[hyperparameter] ? ` For ${only[hyperparameter]} only.` : '';
    return `| \`${hyperparameter}\` | ${cell(schema.description + note)} | ${cell(allowed(schema))} | ${code(schema.default)} |`;
  });
  const configuration = Object.entries(training_config).map(
    ([field, { description: text }]) => `| \`${field}\` | ${cell(text)} |`,
  );
  return [
    `### \`${name}\`${isDefault ? ' (default)' : ''}`,
    `${description} Does ${model_types.join(' and ')}.`,
    ['| hyperparameter | meaning | allowed | default |', '| --- | --- | --- | --- |', ...settings].join('\n'),
    ['| `training_config` | meaning |', '| --- | --- |', ...configuration].join('\n'),
    ['| `autotune` searches | |', '| --- | --- |', ...Object.entries(default_space).map(range)].join('\n'),
    '',
  ].join('\n\n');
}

/** A row of a default space. */
function range([name, { type, when, ...bounds }]) {
  const values = Object.entries(bounds).map(([bound, value]) => `${bound} ${code(value)}`);
  const condition = when
    ? ` where ${Object.entries(when).map(([other, value]) => `\`${other}\` is ${code(value)}`)}`
    : '';
  return `| \`${name}\` | ${cell(`\`${type}\` ${values.join(', ')}${condition}`)} |`;
}

/** A schema fragment as a cell: types and bounds, or the values themselves. */
function allowed(schema) {
  const alternatives = schema.oneOf ?? schema.anyOf;
  if (alternatives) return alternatives.map(allowed).join(' or ');
  if (schema.enum) return schema.enum.map(code).join(', ');
  const bounds = { minimum: '≥', exclusiveMinimum: '>', maximum: '≤', exclusiveMaximum: '<' };
  const limits = Object.keys(bounds).flatMap((key) =>
    schema[key] === undefined ? [] : [`${bounds[key]} ${schema[key]}`],
  );
  return [[schema.type].flat().join(' or '), ...limits].join(', ');
}

const code = (value) => (value === undefined ? '' : `\`${JSON.stringify(value)}\``);
const cell = (text) => text.replaceAll('|', '\\|');

await writeOrCheck({
  name: 'docs/estimators.md',
  text: guide,
  remedy: 'run npm run build && npm run generate',
});
