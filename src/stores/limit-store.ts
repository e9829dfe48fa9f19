/** Where a fixed window stands after a request was counted in it. */
export interface WindowState {
  /** Requests in the window, this one included. */
  readonly count: number
  /** Milliseconds until the window ends. */
  readonly resetAfterMs: number
}

/** A place in flight; releasing twice is harmless. */
export interface Slot {
  release(): void
}

/** Counters that limits are kept under. Every call is atomic, also between instances that share a store. */
export interface LimitStore {
  /** Counts one request in the key's window, which begins with its first request. */
  countRequest(limitKey: string, windowMs: number): Promise<WindowState>
  /** Takes one of the key's places in flight; undefined when all are taken. */
  takeSlot(limitKey: string, limit: number): Promise<Slot | undefined>
  /** Whether the store answers. */
  isReady(): boolean
  close(): Promise<void>
}
