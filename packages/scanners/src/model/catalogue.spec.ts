import { describe, expect, it } from 'vitest'
import { fixtureCatalogue } from '../__tests__/fixtures.js'

describe('matcher inputs of a catalogue', () => {
  it('are a line a package, and the key stands on the package', () => {
    const catalogue = fixtureCatalogue('npm')
    expect(catalogue.matcherInputs).toBeUndefined()
    const [first, second] = catalogue.packages
    if (first === undefined || second === undefined) throw new Error('the fixture has too few packages')
    const before = second.matchKey
    const position = catalogue.add({ ...first, name: 'added' }, 'artifact')
    catalogue.noteMatcherInput('artifact', 'k'.repeat(32), '{"v":1}')
    catalogue.noteMatcherInput('unheard of', 'x'.repeat(32), '{"v":2}')
    const inputs = catalogue.matcherInputs?.split('\n')
    expect(inputs).toHaveLength(catalogue.packages.length)
    expect(inputs?.filter((line) => line !== '')).toEqual(['{"v":1}'])
    expect(inputs?.[position]).toBe('{"v":1}')
    expect(catalogue.packages[position]?.matchKey).toBe('k'.repeat(32))
    expect(second.matchKey).toBe(before)
  })
})
