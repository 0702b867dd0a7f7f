import type { CombinedCardBody } from '../models/model-card.dto.js';
import type { LeaderboardBody } from './ensemble-fits.dto.js';

const MOST_FEATURES = 200;

/** The card of an ensemble for a reader, in Markdown; it begins below the heading that names model and version. */
export function ensembleCardPage(card: CombinedCardBody): string {
  const { model, target, data, members, certainty, metrics, limits, warnings } = card;
  const labels = target.labels as readonly unknown[] | null;
  const features = data.features as readonly { name: string; type: string }[];
  const classes = labels ? ` (${labels.slice(0, 10).map(cell).join(', ')})` : '';
  const { calibration, threshold } = certainty;
  return (
    [
      `A ${cell(model.model_type)} ensemble: ${code(model.method)} of ${members.length} models, strategy ${code(model.strategy)}, predicting ${code(target.name)}${classes}.`,
      '## Members',
      table(
        ['model', 'follows', 'answers now', 'weight'],
        members.map(({ model_id, model_name, version, stage, answering_version, weight }) => [
          model_name ?? model_id,
          version ?? stage ?? 'the model',
          answering_version ?? 'does not',
          weight,
        ]),
      ),
      '## Evaluation',
      ...evaluationOf(card.evaluation as LeaderboardBody | null),
      '## Certainty',
      `${calibration ? 'Calibrated.' : 'Not calibrated.'} ${threshold === null ? 'No threshold.' : `Threshold: ${cell(threshold)}.`}`,
      '## Data',
      table(
        ['feature', 'type'],
        features.slice(0, MOST_FEATURES).map(({ name, type }) => [name, type]),
      ),
      ...(features.length > MOST_FEATURES ? [`and ${features.length - MOST_FEATURES} more.`] : []),
      ...(Object.keys(metrics).length > 0
        ? ['## Metrics', table(['metric', 'value'], Object.entries(metrics))]
        : []),
      '## Limits',
      list(limits),
      ...(warnings.length > 0 ? ['## Warnings', list(warnings)] : []),
    ].join('\n\n') + '\n'
  );
}

function evaluationOf(evaluation: LeaderboardBody | null): string[] {
  if (!evaluation) return ['How much each member counts was given, and not learned by a table.'];
  const { rows, validation_path, metric, loss, loss_of_equal_weights, members } = evaluation;
  return [
    `By ${rows} rows of ${code(validation_path)}: ${cell(metric)} ${number(loss)}, with equal weights ${number(loss_of_equal_weights)}.`,
    table(
      ['model', 'version', 'own loss', 'loss without it', 'milliseconds of 1,000 rows'],
      members.map((each) => [
        each.model_id,
        each.version,
        number(each.loss),
        number(each.loss_without),
        each.milliseconds_per_1000_rows,
      ]),
    ),
  ];
}

function number(value: number | null): string {
  return value === null ? '' : String(Number(value.toPrecision(4)));
}

function code(value: unknown): string {
  return `\`${cell(value).replaceAll('\\', '')}\``;
}

function list(sentences: readonly string[]): string {
  return sentences.map((sentence) => `- ${cell(sentence)}`).join('\n');
}

function table(header: readonly string[], rows: readonly (readonly unknown[])[]): string {
  return [header, header.map(() => '---'), ...rows]
    .map((line) => `| ${line.map((value, at) => (line[at] === '---' ? '---' : cell(value))).join(' | ')} |`)
    .join('\n');
}

/** Text that cannot break the page, as `_cell` of the trainer's model_card.py: no new lines, columns, markup or HTML. */
function cell(value: unknown): string {
  const text = String(value ?? '')
    .split(/\s+/)
    .filter(Boolean)
    .join(' ');
  return text.replace(/[\\|`*_[#]/g, '\\$&').replaceAll('<', '&lt;');
}
