import { spawnSync } from 'node:child_process'

/** The commit that the folder has, and whether it has more than that; undefined where it is no repository of its own. */
export function readCommit(folder: URL): string | undefined {
  // A folder that was unpacked inside another repository has that one's commit, and a prefix in it.
  const [prefix, hash] = ask(folder, ['rev-parse', '--show-prefix', '--short', 'HEAD'])
  if (prefix !== '' || hash === undefined || hash === '') return undefined
  const [changed = ''] = ask(folder, ['status', '--porcelain'])
  return changed === '' ? hash : `${hash}, changed`
}

/** The lines of its answer; none where it has none. */
function ask(folder: URL, args: readonly string[]): string[] {
  const { stdout, status } = spawnSync('git', args, { cwd: folder, encoding: 'utf8' })
  return status === 0 ? stdout.split('\n') : []
}
