import { Registry } from 'prom-client'
import { expect, it } from 'vitest'

import { registerCredentialMetrics } from '../src/credential-metrics.ts'
import { createCredentialRing } from '../src/proxy/bound-credential.ts'
import { bindFamilies } from '../src/proxy/family.ts'
import { createSecret } from '../src/secret.ts'

it('keys that were replaced leave no label behind, and those that stay keep their counts', async () => {
  const ring = createCredentialRing({ onNew() {} })
  const bind = (...keys: readonly string[]) =>
    bindFamilies(
      [
        {
          name: 'v1',
          prefixes: ['/v1'],
          origin: 'https://api.example.com',
          headers: [],
          credentials: keys.map((key) => ({ credential: createSecret(key), weight: 1 })),
        },
      ],
      ring,
    )
  let families = bind('hk-test-a', 'hk-test-b')
  const registry = new Registry()
  registerCredentialMetrics(registry, () => families)
  const [pool] = families.map((family) => family.pool)
  const fingerprints = pool?.members.map(({ credential }) => credential.fingerprint) ?? []
  for (const status of [200, 429]) {
    const turn = pool?.begin('m')
    if (turn !== undefined) pool?.end(turn, { status })
  }
  const before = await registry.metrics()
  expect(before).toContain(`answers_total{key="${fingerprints[0]}",outcome="ok"} 1`)
  expect(before).toContain(`cool_downs{key="${fingerprints[1]}"} 1`)

  families = bind('hk-test-b', 'hk-test-c')
  const after = await registry.metrics()
  expect(after).not.toContain(fingerprints[0])
  expect(after).toContain(`answers_total{key="${fingerprints[1]}",outcome="429"} 1`)
  expect(after).toContain(`cool_downs{key="${fingerprints[1]}"} 1`)
})
