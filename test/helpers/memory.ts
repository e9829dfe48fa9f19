import { readFileSync } from 'node:fs'

import { expect } from 'vitest'

import { openFiles } from './open-files.ts'

/** The memory that a process has now, in MiB; Linux only. */
export const residentMib = (pid: number): number => readMib(pid, 'VmRSS')

/** The most memory that a process has had so far, in MiB; Linux only. */
export const peakMib = (pid: number): number => readMib(pid, 'VmHWM')

function readMib(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]
  return Number(kib) / 1024
}

/**
 * Resolves when the ledger's thread has opened its database, some time behind the start: what it takes is no growth of
 * what is measured.
 */
export async function ledgerIsOpen(pid: number): Promise<void> {
  await expect
    .poll(() => openFiles(pid), { timeout: 10_000 })
    .toContainEqual(expect.stringMatching(/\/ledger\.db-wal$/))
}
