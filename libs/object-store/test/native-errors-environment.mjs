import { TestEnvironment } from 'jest-environment-node';

/**
 * Jest runs a spec in a realm with an Error of its own. The AWS SDK takes a socket's error, which is the
 * process's, for a foreign object there and wraps it without its code.
 */
export default class NativeErrorsEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    Object.assign(this.global, { Error });
  }
}
