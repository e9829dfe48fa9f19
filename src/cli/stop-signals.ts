/** As in package.json: what npm started is then this process, and no shell. */
const NPM_SCRIPT = /^exec (?:env \S+ )?node (?:--\S+ )*src\//

/**
 * npm passes on what a terminal, or a supervisor that ends a whole group, has sent to this process as well. Nobody
 * presses Ctrl-C twice as fast.
 */
const ECHO_MS = 500

const LOOK_FOR_NPM_MS = 1000

/** Calls with each wish to stop: a signal, or npm gone without one. The second one means at once. */
export function onStopRequests(listener: (reason: string) => void): void {
  const isFromNpm = NPM_SCRIPT.test(process.env['npm_lifecycle_script'] ?? '')
  let last: { readonly signal: NodeJS.Signals; readonly at: number } | undefined

  function onSignal(signal: NodeJS.Signals): void {
    const at = performance.now()
    if (isFromNpm && last?.signal === signal && at - last.at < ECHO_MS) return
    last = { signal, at }
    listener(signal)
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  if (isFromNpm) watchParent(() => listener('npm is gone'))
}

/** Who started this by npm would look for it there, and nobody else knows of it. */
function watchParent(onGone: () => void): void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    onGone()
  }, LOOK_FOR_NPM_MS)
  timer.unref()
}
