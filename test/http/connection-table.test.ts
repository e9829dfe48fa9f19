import { describe, expect, it } from 'vitest'

import { createConnectionTable } from '../../src/http/connection-table.ts'

function createTable(limit: number, limitPerAddress: number) {
  const evicted: string[] = []
  const table = createConnectionTable<string>({
    limit,
    limitPerAddress,
    onEvicted: (connection) => evicted.push(connection),
  })
  return { table, evicted, all: () => [...table.all()] }
}

describe('a full table of connections', () => {
  it('lets the one go that has been idle longest', () => {
    const { table, evicted, all } = createTable(3, 0)
    for (const name of ['a', 'b', 'c']) expect(table.add(name, name)).toBe(true)
    table.setBusy('a', true)
    table.setBusy('a', false)
    expect(table.add('d', 'd')).toBe(true)
    expect(table.add('e', 'e')).toBe(true)
    expect(evicted).toEqual(['b', 'c'])
    expect(all()).toEqual(['a', 'd', 'e'])
  })

  it('lets none go that has a request, and takes no other', () => {
    const { table, evicted } = createTable(2, 0)
    for (const name of ['a', 'b']) {
      table.add(name, name)
      table.setBusy(name, true)
    }
    expect(table.add('c', 'c')).toBe(false)
    table.remove('a')
    table.remove('c')
    expect(table.add('d', 'd')).toBe(true)
    expect(evicted).toEqual([])
  })

  it('counts each address by itself, and only those it is told', () => {
    const { table, evicted, all } = createTable(0, 2)
    for (const name of ['a1', 'a2', 'a3', 'b1']) table.add(name, name.slice(0, 1))
    for (const name of ['c1', 'c2', 'c3']) table.add(name, undefined)
    expect(evicted).toEqual(['a1'])
    table.setBusy('a2', true)
    table.setBusy('a3', true)
    expect(table.add('a4', 'a')).toBe(false)
    expect(table.add('b2', 'b')).toBe(true)
    expect(all()).toEqual(['a2', 'a3', 'b1', 'c1', 'c2', 'c3', 'b2'])
  })

  it('forgets an address with its last connection', () => {
    const { table, all } = createTable(0, 1)
    for (let i = 0; i < 3; i++) {
      expect(table.add('a', 'x')).toBe(true)
      table.setBusy('a', true)
      table.remove('a')
      table.setBusy('a', false)
    }
    expect(all()).toEqual([])
  })
})
