/** The connections there are, in all and for each address, and which of them can be spared. */
export interface ConnectionTable<T> {
  /**
   * Takes a connection in. Where there is no room, one that has no request gives way, the one that has been without
   * the longest; false when there is none, and the new one has to go. Without an address it counts in all only.
   */
  add(connection: T, address: string | undefined): boolean
  setBusy(connection: T, isBusy: boolean): void
  remove(connection: T): void
  all(): Iterable<T>
}

interface TableOptions<T> {
  /** Connections in all; 0 is no limit. */
  readonly limit: number
  /** Connections of one address; 0 is no limit. */
  readonly limitPerAddress: number
  /** Closes a connection that gives way; `remove` follows. */
  readonly onEvicted: (connection: T) => void
}

interface Group<T> {
  size: number
  /** Those without a request, the one that has been so the longest first. */
  readonly idle: Set<T>
}

export function createConnectionTable<T>(options: TableOptions<T>): ConnectionTable<T> {
  const all: Group<T> = createGroup()
  const byAddress = new Map<string, Group<T>>()
  const addressOf = new Map<T, string | undefined>()

  function groupsOf(connection: T): readonly Group<T>[] {
    const group = byAddress.get(addressOf.get(connection) ?? '')
    return group === undefined ? [all] : [all, group]
  }

  function remove(connection: T): void {
    if (!addressOf.has(connection)) return
    for (const group of groupsOf(connection)) {
      group.size--
      group.idle.delete(connection)
    }
    const address = addressOf.get(connection) ?? ''
    if (byAddress.get(address)?.size === 0) byAddress.delete(address)
    addressOf.delete(connection)
  }

  function makeRoom(group: Group<T>, limit: number): boolean {
    if (limit === 0 || group.size < limit) return true
    const [spare] = group.idle
    if (spare === undefined) return false
    remove(spare)
    options.onEvicted(spare)
    return true
  }

  return {
    remove,
    all: () => addressOf.keys(),
    add(connection, address) {
      const group = address === undefined ? undefined : (byAddress.get(address) ?? createGroup<T>())
      if (group !== undefined && !makeRoom(group, options.limitPerAddress)) return false
      if (!makeRoom(all, options.limit)) return false
      addressOf.set(connection, address)
      if (address !== undefined && group !== undefined) byAddress.set(address, group)
      for (const each of groupsOf(connection)) {
        each.size++
        each.idle.add(connection)
      }
      return true
    },
    setBusy(connection, isBusy) {
      if (!addressOf.has(connection)) return
      for (const { idle } of groupsOf(connection)) {
        if (isBusy) idle.delete(connection)
        else idle.add(connection)
      }
    },
  }
}

const createGroup = <T>(): Group<T> => ({ size: 0, idle: new Set<T>() })
