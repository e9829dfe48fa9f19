import { readFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'

import { settingInfo } from '../../src/config/setting-kinds.ts'
import { settingsShape } from '../../src/config/settings.ts'

const composeSchema = z.object({
  services: z.record(
    z.string(),
    z.object({
      environment: z.record(z.string(), z.union([z.string(), z.number(), z.null()])).default({}),
      stop_grace_period: z.string().optional(),
    }),
  ),
})

const KEYSTOW = 'openai-hk-proxy'

/** The image sets these to what its port, its health check and its volume go by. */
const SET_BY_IMAGE = ['HOST', 'PORT', 'DATA_DIR']

const SECRETS = ['UPSTREAM_API_KEY', 'UPSTREAM_API_KEY_FILE', 'ADMIN_TOKEN', 'ADMIN_TOKEN_FILE']

const text = readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8')
const { services } = composeSchema.parse(parse(text))
const keystow = services[KEYSTOW]
const others = Object.entries(services).filter(([name]) => name !== KEYSTOW)

describe('docker-compose.yml', () => {
  it.each([
    ...Object.values(settingsShape).map((schema) => settingInfo.get(schema)?.env ?? ''),
    ...SECRETS,
  ])('hands %s of .env to Keystow, or leaves it to the image', (variable) => {
    expect([...Object.keys(keystow?.environment ?? {}), ...SET_BY_IMAGE]).toContain(variable)
    expect(keystow?.environment[variable] ?? null).toBeNull()
  })

  it('gives the credential and the tokens of others to nobody else', () => {
    expect(others).not.toHaveLength(0)
    for (const [, { environment }] of others) {
      expect(JSON.stringify(environment)).not.toMatch(/UPSTREAM_API_KEY|ADMIN_TOKEN|CLIENT_TOKENS/)
    }
  })

  it('makes a client of each chat UI, with a token of its own', () => {
    const tokens = others.flatMap(([name, { environment }]) => {
      const key = /^\$\{(\w+):-\}$/.exec(String(environment['OPENAI_API_KEY'] ?? ''))?.[1]
      return key === undefined ? [] : [{ name, key }]
    })
    expect(tokens.map(({ name }) => name)).toEqual(['chatgpt-web', 'next-web'])
    expect(new Set(tokens.map(({ key }) => key)).size).toBe(tokens.length)
    for (const { name, key } of tokens) {
      expect(keystow?.environment['CLIENT_TOKENS']).toContain(`\${${key}:+${name}:\${${key}:-},}`)
    }
  })

  it('waits longer for a stop than running answers may go on', () => {
    const graceMs = Number(/^(\d+)s$/.exec(keystow?.stop_grace_period ?? '')?.[1]) * 1000
    expect(graceMs).toBeGreaterThan(settingsShape.drainTimeoutMs.parse(undefined) + 5000)
  })
})
