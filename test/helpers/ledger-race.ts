import { setTimeout as sleep } from 'node:timers/promises'

import { createRedisLedgerStore } from '../../src/stores/redis-ledger/store.ts'
import { openAccount } from '../../src/usage/account.ts'
import { makeEntry, makeEstimate, makeReservation, moneyCap } from './ledger.ts'

/** Streams that race one budget of the whole instance; prints what they spent as JSON when all have ended. */
const [url = '', name = '', cap = ''] = process.argv.slice(2)

const CLIENTS = 100
const EVENT_MICROS = 7
const STEP_MICROS = 50

/** Short, so that a test sees the reservations of the dead given back. */
const LEASE_MS = 1500

const store = createRedisLedgerStore({
  url,
  timeZone: 'UTC',
  retentionDays: 36_500,
  mode: 'closed',
  leaseMs: LEASE_MS,
  onStateChange: (isReady) => isReady && ready.resolve(),
  onNotice() {},
  onFailure(error) {
    throw error
  },
})
const ready = Promise.withResolvers<void>()

interface Billed {
  spent: number
  isCut: boolean
}

/** Runs until it is cut or done; undefined when it is refused. */
async function runStream(client: number, turn: number): Promise<Billed | undefined> {
  const billed: Billed = { spent: 0, isCut: false }
  let go = Promise.withResolvers<void>()
  const reservation = makeReservation({
    id: `${name}-${client}-${turn}`,
    clientId: `${name}-${client}`,
    caps: [moneyCap(Number(cap), { scope: 'instance' })],
    minimumMicros: STEP_MICROS,
    wantedMicros: STEP_MICROS,
    estimate: () => makeEstimate(billed.spent),
  })
  const account = await openAccount({
    store,
    reservation,
    stepMicros: STEP_MICROS,
    onResume: () => go.resolve(),
    onExhausted() {
      billed.isCut = true
      go.resolve()
    },
  }).catch(() => undefined)
  if (account === undefined) return undefined

  const events = 5 + Math.floor(Math.random() * 60)
  for (let event = 0; event < events && !billed.isCut; event++) {
    billed.spent += EVENT_MICROS
    go = Promise.withResolvers()
    if (!account.spend(billed.spent)) await go.promise
    if (event % 4 === 0) await sleep(Math.random() * 3)
  }
  await account.settle(makeEntry(reservation, billed.spent))
  return billed
}

async function runClient(client: number): Promise<Billed[]> {
  const streams: Billed[] = []
  for (let turn = 0; ; turn++) {
    const billed = await runStream(client, turn)
    if (billed === undefined) return streams
    streams.push(billed)
  }
}

await ready.promise
process.stderr.write('racing\n')
const streams = (await Promise.all(Array.from({ length: CLIENTS }, (_, n) => runClient(n)))).flat()
process.stdout.write(
  `${JSON.stringify({
    spent: streams.reduce((sum, { spent }) => sum + spent, 0),
    requests: streams.length,
    cut: streams.filter(({ isCut }) => isCut).length,
  })}\n`,
)
await store.close()
