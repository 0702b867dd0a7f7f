import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../../scripts/parts/paths.mjs';
import { ATTACKS } from './attacks.mjs';
import { probesOf } from './probes.mjs';
import { Scene } from './scene.mjs';
import { Victim } from './victim.mjs';

/** One attack after the other, with the victim watched before and during each. */
export class Campaign {
  /**
   * @param stack of bench/parts/stack.mjs
   * @param volume how large the attacks are, from 0 to 1
   * @param seconds that each lasts
   */
  static async start(stack, { volume, seconds }) {
    const scene = await Scene.make(stack, volume);
    return new Campaign(scene, seconds);
  }

  constructor(scene, seconds) {
    this.scene = scene;
    this.seconds = seconds;
    this.victim = new Victim(scene.victim, probesOf(scene));
  }

  /** @returns `{name, before, during, attacker}`: the probes' figures by name, and the attacker's answers by status */
  async strike({ name, probes, prepare, end }) {
    const { scene, victim, seconds } = this;
    const names = ['prediction', ...probes];
    const before = await victim.watch(names, seconds / 2);
    const attack = await prepare(scene);
    const attacker = attack && this.#attack(attack);
    try {
      const during = await victim.watch(names, seconds);
      return { name, before, during, attacker: (await attacker?.stop()) ?? {} };
    } finally {
      attacker?.kill();
      await end?.(scene);
    }
  }

  #attack(attack) {
    const file = path.join(this.scene.stateDir, 'attack.json');
    const { url, token } = this.scene.attacker;
    writeFileSync(file, JSON.stringify({ url, token, ...attack }));
    const child = spawn(process.execPath, [inRoot('bench/neighbours/attacker.mjs'), file], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const output = child.stdout.toArray();
    const stop = async () => {
      child.stdin.end();
      return JSON.parse(Buffer.concat(await output).toString());
    };
    return { stop, kill: () => child.kill() };
  }
}

/** The attacks with one of these words in their names, or all. */
export function attacksNamed(words) {
  if (!words) return ATTACKS;
  return ATTACKS.filter(({ name }) => words.some((word) => name.includes(word)));
}
