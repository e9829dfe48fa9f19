/** A credential's rest from one model. */
export interface CoolDown {
  /** What the upstream answered last. */
  readonly status: number
  /** How often in a row. */
  readonly failures: number
  readonly since: number
  readonly until: number
  /** Until then one request has the time to find out whether it is over, and the others keep away. */
  probedUntil: number
}

/** What the upstream answered to a request that began at `startedAt`. */
export interface Refusal {
  readonly status: number
  /** How long the upstream asked to be left alone. */
  readonly retryAfterMs: number | undefined
  readonly startedAt: number
}

/** The models that one credential rests from. Times are milliseconds of the caller's clock. */
export interface CoolDowns {
  /** 0 when a request may use the credential for this model: it does not rest, or nobody has tried yet whether it must. */
  waitMs(model: string, now: number): number
  /** A request uses the credential; true when it is the one that finds out whether its rest is over. */
  begin(model: string, now: number): boolean
  refuse(model: string, refusal: Refusal, now: number): void
  /** The upstream worked for a request that began at `startedAt`. */
  succeed(model: string, startedAt: number): void
  /** The request that was to find out did not. */
  giveUpProbe(model: string): void
  list(): readonly (CoolDown & { readonly model: string })[]
}

const FIRST_COOL_DOWN_MS = 5_000
const MAX_COOL_DOWN_MS = 300_000

/** What an upstream asks for is honoured up to here, so that no header takes a credential away for good. */
const MAX_RETRY_AFTER_MS = 3_600_000

/**
 * Model names come from clients: past this many, the one whose rest ends first is forgotten, so that no number of
 * invented names ends a long one.
 */
const MAX_MODELS = 256

/** Longer names are no model's, and share what they have in common. */
const MAX_MODEL_LENGTH = 100

/** A probe that takes longer, as a slow model does, no longer keeps the others away from trying. */
const PROBE_MS = 60_000

/** Another request's probe may end at any moment. */
const PROBED_WAIT_MS = 1

export function createCoolDowns(): CoolDowns {
  const byModel = new Map<string, CoolDown>()
  const find = (model: string): CoolDown | undefined =>
    byModel.size === 0 ? undefined : byModel.get(model.slice(0, MAX_MODEL_LENGTH))

  function remember(model: string, coolDown: CoolDown): void {
    // A copy: the name may be a slice that would keep a whole request body alive.
    const name = Buffer.from(model.slice(0, MAX_MODEL_LENGTH)).toString()
    byModel.delete(name)
    if (byModel.size >= MAX_MODELS) byModel.delete(firstToEnd(byModel))
    byModel.set(name, coolDown)
  }

  return {
    waitMs(model, now) {
      const coolDown = find(model)
      if (coolDown === undefined) return 0
      if (coolDown.until > now) return coolDown.until - now
      return coolDown.probedUntil > now ? PROBED_WAIT_MS : 0
    },
    begin(model, now) {
      const coolDown = find(model)
      if (coolDown === undefined || coolDown.until > now || coolDown.probedUntil > now) return false
      coolDown.probedUntil = now + PROBE_MS
      return true
    },
    refuse(model, refusal, now) {
      remember(model, nextCoolDown(find(model), refusal, now))
    },
    succeed(model, startedAt) {
      const coolDown = find(model)
      // What began before the refusal says nothing about the time after it.
      if (coolDown !== undefined && startedAt >= coolDown.since) {
        byModel.delete(model.slice(0, MAX_MODEL_LENGTH))
      }
    },
    giveUpProbe(model) {
      const coolDown = find(model)
      if (coolDown !== undefined) coolDown.probedUntil = 0
    },
    list: () => [...byModel].map(([model, coolDown]) => ({ model, ...coolDown })),
  }
}

function firstToEnd(byModel: ReadonlyMap<string, CoolDown>): string {
  let first = ''
  let until = Infinity
  for (const [model, coolDown] of byModel) {
    if (coolDown.until >= until) continue
    first = model
    until = coolDown.until
  }
  return first
}

function nextCoolDown(before: CoolDown | undefined, refusal: Refusal, now: number): CoolDown {
  const { status, retryAfterMs, startedAt } = refusal
  // Requests that ran side by side and are refused one after the other count as one failure.
  const isSameFailure = before !== undefined && startedAt < before.since
  const failures = isSameFailure ? before.failures : (before?.failures ?? 0) + 1
  const waitMs =
    retryAfterMs === undefined
      ? Math.min(FIRST_COOL_DOWN_MS * 2 ** (failures - 1), MAX_COOL_DOWN_MS)
      : Math.min(retryAfterMs, MAX_RETRY_AFTER_MS)
  const until = now + waitMs
  return isSameFailure
    ? {
        status,
        failures,
        since: before.since,
        until: Math.max(until, before.until),
        probedUntil: 0,
      }
    : { status, failures, since: now, until, probedUntil: 0 }
}
