/** Settings of the installation under attack: a quota that an attack of seconds can reach. */
export const SETTINGS = { MODELPLANE_QUOTA_BYTES: String(400 * 2 ** 20) };
