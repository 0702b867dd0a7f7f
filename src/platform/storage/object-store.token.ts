/** Token of the one object store. */
export const OBJECT_STORE = Symbol('object store');
