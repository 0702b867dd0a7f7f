import { Env, integer } from './environment.js';

/** Models made elsewhere. Each is tried, and then runs, in a process of its own. */
export class UploadsConfig {
  @Env(
    'MODELPLANE_UPLOADED_MODEL_MEMORY_BYTES',
    integer(2 ** 28, 2 ** 40),
    'Private memory of the process of one uploaded model; held on Linux only.',
  )
  memoryBytes = 2 * 2 ** 30;

  @Env(
    'MODELPLANE_UPLOADED_MODEL_PROCESSES',
    integer(1, 1024),
    'Processes of uploaded models at once, shared by tenants; one tenant has all but one of them at most.',
  )
  maxProcesses = 8;

  /** The most of them that one tenant has. */
  get processesPerTenant(): number {
    return Math.max(1, this.maxProcesses - 1);
  }

  @Env(
    'MODELPLANE_UPLOADED_MODEL_LOAD_SECONDS',
    integer(1, 3600),
    'Longest time to scan an uploaded file, and again to load it.',
  )
  loadSeconds = 60;

  @Env(
    'MODELPLANE_UPLOADED_MODEL_RUN_SECONDS',
    integer(1, 3600),
    'Longest time that an uploaded model may take to answer, and that a request waits for a process.',
  )
  runSeconds = 10;

  @Env(
    'MODELPLANE_UPLOADED_MODEL_IDLE_SECONDS',
    integer(1, 86_400),
    'After this long without a request the process of an uploaded model ends.',
  )
  idleSeconds = 300;
}
