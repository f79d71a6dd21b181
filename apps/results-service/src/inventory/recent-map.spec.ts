import { describe, expect, it } from 'vitest'
import { RecentMap } from './recent-map.js'

describe('RecentMap', () => {
  it('keeps what is asked for and forgets what is not', () => {
    const map = new RecentMap<number>(10)
    map.set('kept', 1)
    map.set('forgotten', 2)
    for (let index = 0; index < 100; index += 1) {
      map.set(`other ${index}`, index)
      expect(map.get('kept')).toBe(1)
    }
    expect(map.get('forgotten')).toBeUndefined()
    expect(map.get('other 99')).toBe(99)
  })

  it('never holds more than twice its limit', () => {
    const map = new RecentMap<number>(10)
    for (let index = 0; index < 1000; index += 1) map.set(`key ${index}`, index)
    const held = Array.from({ length: 1000 }, (_value, index) => `key ${index}`).filter((key) => map.get(key) !== undefined)
    expect(held.length).toBeGreaterThanOrEqual(10)
    expect(held.length).toBeLessThanOrEqual(20)
  })

  it('takes the newest value of a key, also while the older generation holds a former one', () => {
    const map = new RecentMap<number>(1)
    map.set('a', 1)
    map.set('b', 2)
    map.set('a', 3)
    expect(map.get('a')).toBe(3)
    map.clear()
    expect(map.get('a')).toBeUndefined()
  })
})
