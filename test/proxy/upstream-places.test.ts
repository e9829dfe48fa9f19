import { describe, expect, it } from 'vitest'

import { createUpstreamPlaces } from '../../src/proxy/upstream-places.ts'

function startLine(limit: number) {
  const places = createUpstreamPlaces(limit)
  const started: string[] = []
  const take = (name: string, origin = 'a'): (() => void) => {
    const place = places.take(origin, () => started.push(name))
    return () => places.leave(place)
  }
  return { started, take }
}

describe('places at an upstream', () => {
  it('are taken at once while there are any, and then in the order of coming', () => {
    const { started, take } = startLine(2)
    const leave = ['1', '2', '3', '4'].map((name) => take(name))
    expect(started).toEqual(['1', '2'])
    leave[1]?.()
    expect(started).toEqual(['1', '2', '3'])
    leave[0]?.()
    expect(started).toEqual(['1', '2', '3', '4'])
  })

  it('are not given to who no longer waits', () => {
    const { started, take } = startLine(1)
    const [leaveFirst, leaveSecond] = [take('1'), take('2'), take('3')]
    leaveSecond?.()
    leaveFirst?.()
    expect(started).toEqual(['1', '3'])
  })

  it('are given back once, however often somebody says so', () => {
    const { started, take } = startLine(1)
    const leave = take('1')
    leave()
    leave()
    take('2')
    take('3')
    expect(started).toEqual(['1', '2'])
  })

  it('are those of one origin', () => {
    const { started, take } = startLine(1)
    take('1')
    take('2')
    take('3', 'b')
    expect(started).toEqual(['1', '3'])
  })

  it('pass on when one is given back while it is being taken', () => {
    const places = createUpstreamPlaces(1)
    const started: number[] = []
    const first = places.take('a', () => started.push(1))
    const second = places.take('a', () => {
      started.push(2)
      places.leave(second)
    })
    places.take('a', () => started.push(3))
    places.leave(first)
    expect(started).toEqual([1, 2, 3])
  })
})
