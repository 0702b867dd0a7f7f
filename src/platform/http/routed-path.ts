/** The path by which the router finds the route of a URL, of which there are many spellings. */
export function routedPath(url: string): string {
  let path = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?#]*/, '');
  const end = path.search(/[?#]/);
  if (end >= 0) path = path.slice(0, end);
  if (path.includes('%')) path = decoded(path);
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

function decoded(path: string): string {
  try {
    return decodeURI(path);
  } catch {
    return path; // The router refuses it.
  }
}
