import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readYaml } from './yaml-document.js'
import { jsonTextOf, plainOf } from './yaml-value.js'

function valueOf(text: string) {
  const read = readYaml('x.yaml', text)
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return read.document.value
}

describe('a scalar means what it means to yaml.v3', () => {
  it.each([
    ['yes stays a text', 'yes', '"yes"'],
    ['on stays a text', 'on', '"on"'],
    ['True is a boolean', 'True', 'true'],
    ['~ is null', '~', 'null'],
    ['012 is octal', '012', '10'],
    ['089 is no octal, but a number', '089', '89.0'],
    ['0o17 is octal', '0o17', '15'],
    ['0x1F is hexadecimal', '0x1F', '31'],
    ['0b101 is binary', '0b101', '5'],
    ['1_000 is a number', '1_000', '1000'],
    ['+5 is a number', '+5', '5'],
    ['-7 is a number', '-7', '-7'],
    ['8.10 is 8.1', '8.10', '8.1'],
    ['9.0 stays a float', '9.0', '9.0'],
    ['1e3 is a float', '1e3', '1000.0'],
    ['.5 is a float', '.5', '0.5'],
    ['a version is a text', '3.10.2', '"3.10.2"'],
    ['a wildcard is a text', '3.3.%', '"3.3.%"'],
    ['18446744073709551615 keeps its digits', '18446744073709551615', '18446744073709551615'],
    ['a whole number beyond is a float', '18446744073709551616', '18446744073709552000.0'],
    ['a quoted number is a text', '"012"', '"012"'],
    ['!!str makes a text', '!!str 12', '"12"'],
    ['a block is a text', '|\n  12\n', '"12\\n"'],
    ['- alone is a text', '"-"', '"-"'],
    ['the 31st of February is a text', '2026-02-31', '"2026-02-31"'],
    ['a month alone is a text', '2026-02', '"2026-02"'],
  ])('%s', (_sentence, text, json) => {
    expect(jsonTextOf(valueOf(text), 'go')).toBe(json)
  })

  it.each([
    ['a day', '2027-05-01', '2027-05-01 00:00:00 +0000 UTC', '2027-05-01T00:00:00Z'],
    ['a day with short numbers', '2027-5-1', '2027-05-01 00:00:00 +0000 UTC', '2027-05-01T00:00:00Z'],
    ['a moment in UTC', '2001-12-15T02:59:43.10Z', '2001-12-15 02:59:43.1 +0000 UTC', '2001-12-15T02:59:43.1Z'],
    ['a moment with its zone', '2001-12-14t21:59:43-05:00', '2001-12-14 21:59:43 -0500 -0500', '2001-12-14T21:59:43-05:00'],
    ['a moment with a space', '2001-12-14 21:59:43', '2001-12-14 21:59:43 +0000 UTC', '2001-12-14T21:59:43Z'],
  ])('%s is a moment, as Go prints it and as JSON has it', (_sentence, text, go, rfc3339) => {
    expect(JSON.parse(jsonTextOf(valueOf(text), 'go'))).toBe(go)
    expect(plainOf(valueOf(text))).toBe(rfc3339)
  })

  it('merges maps, of which the own keys win', () => {
    expect(plainOf(valueOf('base: &b {a: 1, b: 2}\nown:\n  <<: *b\n  b: 3\n'))).toEqual({ base: { a: 1, b: 2 }, own: { a: 1, b: 3 } })
  })

  it('keeps the order of keys and takes numbers for texts there', () => {
    expect(jsonTextOf(valueOf('z: 1\n2: two\na: {true: x}'), 'go')).toBe('{"z":1,"2":"two","a":{"true":"x"}}')
  })

  it('reads the first document alone', () => {
    expect(plainOf(valueOf('a: 1\n---\nb: 2\n'))).toEqual({ a: 1 })
  })
})

describe('JSON is YAML', () => {
  it('and means there what it means as JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value)
        expect(JSON.stringify(plainOf(valueOf(text)))).toBe(JSON.stringify(JSON.parse(text)))
      }),
    )
  })
})
