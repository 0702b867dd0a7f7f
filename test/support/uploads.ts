import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Answer, Client } from './client.js';
import { python } from './data.js';
import { madeOnce } from './made-once.js';

/** The form of an upload, as `curl -F artifact=@model.onnx -F 'signature={…}'` sends it. */
export function uploadForm(artifact: Uint8Array = Buffer.from('x'), signature?: unknown): FormData {
  const form = new FormData();
  form.append('artifact', new Blob([artifact]), 'model.onnx');
  if (signature !== undefined) {
    form.append('signature', typeof signature === 'string' ? signature : JSON.stringify(signature));
  }
  return form;
}

/** The files that test/support/make_uploads.py makes, by name. */
export async function makeUploads(): Promise<Map<string, Buffer>> {
  const folder = await madeOnce('uploads', async (target) => {
    await python([join(__dirname, 'make_uploads.py'), target]);
  });
  const files = (await readdir(folder)).map(
    async (name) => [name, await readFile(join(folder, name))] as const,
  );
  return new Map(await Promise.all(files));
}

let models = 0;

/** Registers a model; its id. */
export async function registerModel(client: Client, modelType: string, framework = 'onnx'): Promise<string> {
  const name = `uploaded ${++models}`;
  const { body } = await client.post('/api/v1/models', { name, model_type: modelType, framework });
  return body.model_id;
}

export function upload(
  client: Client,
  modelId: string,
  artifact: Uint8Array,
  signature?: unknown,
): Promise<Answer> {
  return client.post(`/api/v1/models/${modelId}/versions`, uploadForm(artifact, signature));
}
