import type { BigIntStats } from 'node:fs'
import { stat } from 'node:fs/promises'

const DEFAULT_INTERVAL_MS = 1000

interface FileWatchOptions {
  /** The files to watch now; asked for each time. */
  readonly paths: () => readonly string[]
  /** Called with the files that changed, when they have come to rest. */
  readonly onChange: (paths: readonly string[]) => void
  readonly intervalMs?: number
}

export interface FileWatch {
  stop(): void
}

/** How a file that is not there looks. */
const MISSING = 'missing'

/**
 * Looks at files again and again. Events of the file system (`fs.watch`) belong to an inode: they are lost when a
 * secret is replaced by swapping a symbolic link (Kubernetes, Docker), when an editor renames a new file into place,
 * and on most network file systems.
 *
 * A change counts when the file looks the same twice in a row, so that half a file is not read. One that is new to
 * the watch counts as changed: it may have been since it was read.
 */
export function watchFiles(options: FileWatchOptions): FileWatch {
  const { intervalMs = DEFAULT_INTERVAL_MS } = options
  /** How each file looked when its change was last told, and how it looked at the last glance. */
  const told = new Map<string, string>()
  let seen = new Map<string, string>()
  let isStopped = false
  let timer = setTimeout(look, intervalMs)
  timer.unref()

  async function glance(): Promise<void> {
    const paths = [...new Set(options.paths())]
    const looks = await Promise.all(paths.map(appearance))
    const now = new Map(paths.map((path, index) => [path, looks[index] ?? MISSING]))
    const changed = paths.filter(
      (path) => now.get(path) === seen.get(path) && now.get(path) !== told.get(path),
    )
    seen = now
    for (const path of changed) told.set(path, now.get(path) ?? MISSING)
    if (changed.length > 0 && !isStopped) options.onChange(changed)
  }

  function look(): void {
    void glance().finally(() => {
      if (isStopped) return
      timer = setTimeout(look, intervalMs)
      timer.unref()
    })
  }

  return {
    stop() {
      isStopped = true
      clearTimeout(timer)
    },
  }
}

/** What changes whenever the content does, links followed. */
async function appearance(path: string): Promise<string> {
  try {
    const found: BigIntStats = await stat(path, { bigint: true })
    const { dev, ino, size, mtimeNs, ctimeNs } = found
    return [dev, ino, size, mtimeNs, ctimeNs].join(':')
  } catch {
    return MISSING
  }
}
