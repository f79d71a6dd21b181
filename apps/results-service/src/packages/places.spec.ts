import { PharosError } from '@pharos/contracts'
import { describe, expect, it } from 'vitest'
import type { Lines } from '../ingest/received-report.js'
import { placesOf } from './image-package-store.js'

function linesOf(...texts: string[]): Lines {
  const bytes = (position: number): Buffer => Buffer.from(texts[position] ?? '')
  return { count: texts.length, bytes, text: (position) => texts[position] ?? '', hash: () => '', digest: () => '' }
}

const place = (...paths: string[]): string =>
  JSON.stringify({ locations: paths.map((path) => ({ path, layer: null })), licenses: ['MIT'], foundBy: 'dpkg' })

const pathsOf = (...texts: string[]): string[] => placesOf(linesOf(...texts)).map(({ path }) => path)

describe('placesOf', () => {
  it('tells the first path of each line, be its shape new or known', () => {
    expect(pathsOf(place('/a'), place('/b'), place('/c', '/d'), place('/ü'), place('/e', '/f'))).toEqual(['/a', '/b', '/c', '/ü', '/e'])
  })

  it('reads paths with escapes', () => {
    expect(pathsOf(place('/a'), place('/with "quotes"\n'), place('/back\\slash'))).toEqual(['/a', '/with "quotes"\n', '/back\\slash'])
  })

  it('has no path for a package without a location', () => {
    expect(pathsOf(place(), place())).toEqual(['', ''])
  })

  it('finds the path behind other fields of a location', () => {
    const line = (path: string): string => `{"locations":[{"layer":null,"path":"${path}"}],"licenses":[],"foundBy":"dpkg"}`
    expect(pathsOf(line('/a'), line('/b'))).toEqual(['/a', '/b'])
  })

  it.each([
    ['is cut off', place('/a').slice(0, -1)],
    ['has a field that the contract does not know', place('/a').replace('"foundBy"', '"by"')],
    ['has a number for a path', place('/a').replace('"/a"', '1')],
  ])('refuses a line that %s, also after one that was right', (_what, line) => {
    expect(() => placesOf(linesOf(place('/a'), line))).toThrow(PharosError)
  })
})
