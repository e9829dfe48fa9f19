import { readdirSync, readlinkSync } from 'node:fs'

/** What a process has open, as Linux names it; nothing when it has ended. */
export function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  const names = readProc(() => readdirSync(folder)) ?? []
  return names.map((name) => readProc(() => readlinkSync(`${folder}/${name}`)) ?? 'gone')
}

/** What /proc says; undefined when the process has ended, or has closed what was looked at. */
export function readProc<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
