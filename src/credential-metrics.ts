import { Counter, Gauge, type Registry } from 'prom-client'

import { OUTCOMES } from './proxy/bound-credential.ts'
import type { Family } from './proxy/family.ts'

/**
 * Tells how requests with each key went. Made anew at each reading from the keys that are in use then, so that keys
 * which were replaced leave no label behind.
 */
export function registerCredentialMetrics(
  registry: Registry,
  families: () => readonly Family[],
): void {
  const credentials = () => [
    ...new Set(families().flatMap(({ pool }) => pool.members.map(({ credential }) => credential))),
  ]
  const answers = new Counter({
    name: 'keystow_upstream_key_answers_total',
    help: 'Requests sent with each key (the first 8 hex digits of its SHA-256), by how the upstream answered.',
    labelNames: ['key', 'outcome'],
    registers: [],
    collect() {
      this.reset()
      for (const { fingerprint, outcomes } of credentials()) {
        for (const outcome of OUTCOMES) this.inc({ key: fingerprint, outcome }, outcomes[outcome])
      }
    },
  })
  const coolDowns = new Gauge({
    name: 'keystow_upstream_key_cool_downs',
    help: 'Models that each key rests from.',
    labelNames: ['key'],
    registers: [],
    collect() {
      this.reset()
      for (const { fingerprint, coolDowns } of credentials()) {
        this.inc({ key: fingerprint }, coolDowns.list().length)
      }
    },
  })
  registry.registerMetric(answers)
  registry.registerMetric(coolDowns)
}
