/** A semantic version, as far as models need it: no pre-releases, no build metadata. */
export interface VersionNumber {
  major: number;
  minor: number;
  patch: number;
}

export const FIRST_VERSION: VersionNumber = { major: 1, minor: 0, patch: 0 };

/** Undefined for a text that is not `major.minor.patch` in plain digits. */
export function parseVersion(text: string): VersionNumber | undefined {
  const match = /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$/.exec(text);
  return match ? { major: Number(match[1]), minor: Number(match[2]), patch: Number(match[3]) } : undefined;
}

export function formatVersion({ major, minor, patch }: VersionNumber): string {
  return `${major}.${minor}.${patch}`;
}

/** Negative, zero or positive, as for Array.sort. */
export function compareVersions(a: VersionNumber, b: VersionNumber): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch;
}
