import { openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

import { createSqliteLedgerStore } from '../../src/stores/sqlite-ledger/store.ts'
import { makeEntry, makeEstimate, makeReservation, moneyCap } from './ledger.ts'

/** Smaller than the real ones, so that they are followed by others within a test. */
const SEGMENT_BYTES = 20_000

const CAP = 1_000_000_000

/** Requests that run at once, and those of them that do not end. */
const LANES = 40
const LONG_LANES = 3

const [folder = '', saidFile = '', round = ''] = process.argv.slice(2)
const said = openSync(saidFile, 'a')
const store = createSqliteLedgerStore({
  folder,
  timeZone: 'UTC',
  retentionDays: 36_500,
  segmentBytes: SEGMENT_BYTES,
  onNotice() {},
})

/** What has been said is true even if the process is killed in the next moment. */
function say(line: string): void {
  writeSync(said, `${line}\n`)
}

async function runRequests(lane: number): Promise<void> {
  for (let index = 0; ; index++) {
    let used = 1
    const reservation = makeReservation({
      id: `${round}-${lane}-${index}`,
      clientId: `client-${lane % 3}`,
      caps: [moneyCap(CAP)],
      minimumMicros: 10,
      wantedMicros: 10,
      estimate: () => makeEstimate(used),
    })
    const opening = await store.open(reservation)
    if (!opening.isGranted) throw new Error('the cap is too small for this test')
    say(`opened ${reservation.id}`)
    if (lane < LONG_LANES) return
    const steps = Math.floor(Math.random() * 4)
    for (let step = 0; step < steps; step++) {
      await sleep(Math.random() * 20)
      used += 10
      await store.grow(reservation.id, 10)
    }
    await store.settle(makeEntry(reservation, used))
    say(`settled ${reservation.id} ${used}`)
  }
}

process.stdout.write('running\n')
await Promise.all(Array.from({ length: LANES }, (_, lane) => runRequests(lane)))
