import type { ScriptFailure } from '@pharos/contracts'
import { FakeClock } from '@pharos/service-kit'
import { beforeEach, describe, expect, it } from 'vitest'
import { EnricherBreaker } from './enricher-breaker.js'

let clock: FakeClock
let breaker: EnricherBreaker
beforeEach(() => {
  clock = new FakeClock()
  breaker = new EnricherBreaker(clock)
})

type Kind = ScriptFailure['kind']

const failure = (kind: Kind): ScriptFailure => ({ kind, engine: 'starlark', script: 'loop/loop.star', message: 'It ended badly.' })

function end(kind: Kind | null, times = 1): void {
  for (let round = 0; round < times; round += 1) breaker.record({ enricher: 'loop', error: kind === null ? null : failure(kind) })
}

const restMs = (): number | null => {
  const rest = breaker.restOf('loop')
  return rest === null ? null : rest.until.getTime() - clock.nowMs()
}

describe('an enricher that ends in a costly way', () => {
  it.each<Kind>(['timeout', 'memory', 'stack', 'steps', 'crash'])('three times in a row by %s rests for a minute', (kind) => {
    end(kind, 2)
    expect(restMs()).toBeNull()
    end(kind)
    expect(breaker.restOf('loop')).toEqual({ error: failure(kind), until: new Date(clock.nowMs() + 60_000) })
  })

  it.each<[Kind | null]>([[null], ['runtime'], ['output'], ['network']])('and then ends with %s begins anew', (kind) => {
    end('timeout', 2)
    end(kind)
    end('timeout', 2)
    expect(restMs()).toBeNull()
  })

  it('is tried once after its rest, and rests twice as long each time, an hour at most', async () => {
    end('timeout', 3)
    const rests: (number | null)[] = []
    for (let round = 0; round < 8; round += 1) {
      rests.push(restMs())
      await clock.advance(restMs() ?? 0)
      expect(restMs()).toBeNull()
      end('timeout')
    }
    expect(rests.map((ms) => (ms ?? 0) / 60_000)).toEqual([1, 2, 4, 8, 16, 32, 60, 60])
  })

  it('is trusted again after it ended well', async () => {
    end('timeout', 3)
    await clock.advance(60_000)
    end(null)
    end('timeout', 2)
    expect(restMs()).toBeNull()
  })

  it('does not rest longer by what was under way beside it', () => {
    end('timeout', 9)
    expect(restMs()).toBe(60_000)
  })

  it('does not make another one rest', () => {
    end('timeout', 3)
    expect(breaker.restOf('owner')).toBeNull()
  })
})
