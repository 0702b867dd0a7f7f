import { type FolderAddress, InvalidObjectUri, parseFolderUri } from '#libs/object-store';
import { invalid } from '../errors/problem.js';

/** The folder that a request names in `output_path`. @throws Problem 400 for a text that names none */
export function parseOutputPath(path: string): FolderAddress {
  try {
    return parseFolderUri(path);
  } catch (error) {
    if (error instanceof InvalidObjectUri) throw invalid('/output_path', error.message);
    throw error;
  }
}
