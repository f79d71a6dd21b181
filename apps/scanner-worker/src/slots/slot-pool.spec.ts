import { describe, expect, it } from 'vitest'
import { type Slot, SlotPool } from './slot-pool.js'

function take(pool: SlotPool, kind: 'interactive' | 'shared', count: number): Slot[] {
  return Array.from({ length: count }, () => {
    const slot = pool.tryTake(kind)
    if (slot === undefined) throw new Error('no slot')
    return slot
  })
}

describe('the slots of a worker', () => {
  it('never give the interactive slots to shared work', () => {
    const pool = new SlotPool(2, 1)
    take(pool, 'shared', 2)
    expect(pool.tryTake('shared')).toBeUndefined()
    expect(pool.tryTake('interactive')?.index).toBe(2)
  })

  it('give any free slot to interactive work', () => {
    const pool = new SlotPool(2, 1)
    expect(take(pool, 'interactive', 3).map((slot) => slot.index)).toEqual([0, 1, 2])
    expect(pool.tryTake('interactive')).toBeUndefined()
    expect(pool.tryTake('shared')).toBeUndefined()
  })

  it('tell the queues how many jobs they may hold', () => {
    const pool = new SlotPool(2, 1)
    expect([pool.capacity('interactive'), pool.capacity('shared')]).toEqual([3, 2])
    take(pool, 'shared', 2)
    expect([pool.capacity('interactive'), pool.capacity('shared')]).toEqual([1, 2])
    take(pool, 'interactive', 1)
    expect([pool.capacity('interactive'), pool.capacity('shared')]).toEqual([1, 2])
    const other = new SlotPool(2, 1)
    take(other, 'interactive', 3)
    expect([other.capacity('interactive'), other.capacity('shared')]).toEqual([3, 0])
  })

  it('take a slot back once, and hand the lowest out first', () => {
    const pool = new SlotPool(2, 1)
    const [first] = take(pool, 'shared', 2)
    first?.release()
    first?.release()
    expect(pool.busy()).toBe(1)
    expect(pool.tryTake('shared')?.index).toBe(0)
    expect(pool.tryTake('shared')).toBeUndefined()
  })
})
