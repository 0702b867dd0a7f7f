import { TRAINING_REQUEST } from './main-job.mjs';

/** What a newcomer needs next: the answer, a token, lines to paste, and where to read on. */
export function closingText({ baseUrl, token, tenant, days, job, exits }) {
  const { request, answer, label, target } = job;
  const post = (path, body) =>
    `curl -s ${baseUrl}${path} -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\\n  -d '${JSON.stringify(body)}'`;
  return `
The model's answer for a row it never saw (true ${target}: ${label}):
${JSON.stringify(answer)}
${
  exits
    ? ''
    : `
Modelplane runs at ${baseUrl}. To paste into another terminal:

# a development token of tenant ${tenant}, role admin, ${days} days (another: npm run --silent token -- --tenant ${tenant} --role admin)
export TOKEN=${token}

# is it well?
curl -s ${baseUrl}/healthcheck

# which models are there?
curl -s ${baseUrl}/api/v1/models -H "Authorization: Bearer $TOKEN"

# predict
${post('/api/v1/predictions', request)}

# train again
${post('/api/v1/training', TRAINING_REQUEST)}

Docs: ${baseUrl}/docs (the API), README.md (a tour). Ctrl-C stops everything and keeps the data.
`
}`;
}
