import { describe, expect, it } from 'vitest'
import { readStartArguments } from './arguments.mjs'

describe('the arguments of npm start', () => {
  it.each([
    [[], { isFresh: false, isDemo: false, isHelp: false, port: undefined }],
    [['--demo', '--port', '9000'], { isFresh: false, isDemo: true, isHelp: false, port: 9000 }],
    [['--port=9000', '--fresh'], { isFresh: true, isDemo: false, isHelp: false, port: 9000 }],
  ])('%j are read', (args, expected) => {
    expect(readStartArguments(args)).toEqual(expected)
  })

  it.each([
    [['--prot', '1'], '--prot is not an option'],
    [['--port'], '--port needs a number'],
    [['--port', '70000'], '--port needs a number'],
    [['--port', '80a'], '--port needs a number'],
  ])('%j are refused', (args, message) => {
    expect(() => readStartArguments(args)).toThrow(message)
  })
})
