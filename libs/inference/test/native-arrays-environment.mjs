import { TestEnvironment } from 'jest-environment-node';

/**
 * Jest runs a spec in a realm with typed arrays of its own, while onnxruntime's native code makes those of the
 * process and its JavaScript then refuses them. Specs that run a model share the process's.
 */
export default class NativeArraysEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    Object.assign(this.global, {
      Float32Array,
      Float64Array,
      Int8Array,
      Int16Array,
      Int32Array,
      Uint16Array,
      Uint32Array,
      BigInt64Array,
      BigUint64Array,
    });
  }
}
