import { PharosError } from '@pharos/contracts'
import { describe, expect, it } from 'vitest'
import { parseStrictJson } from './strict-json.js'

function refusal(source: string): PharosError {
  try {
    parseStrictJson(source)
  } catch (error) {
    if (error instanceof PharosError) return error
    throw error
  }
  throw new Error('it was not refused')
}

describe('parseStrictJson', () => {
  it.each([
    '{"a":1,"b":{"a":2},"c":[{"a":1},{"a":2}]}',
    '[]',
    '"{\\"a\\":1,\\"a\\":2}"',
    '{"a":"x\\\\","b":"\\",\\"a\\":"}',
    '{"a":{"a":{"a":"a"}},"A":1}',
    ' { "a" : [ 1 , "a" , { } ] , "b" : null } ',
    '-1.5e3',
  ])('reads %s as JSON.parse does', (source) => {
    expect(parseStrictJson(source)).toEqual(JSON.parse(source))
  })

  it.each([
    { title: 'at the top', source: '{"a":1,"a":2}', pointers: ['#/body/a'] },
    { title: 'written with an escape', source: '{"a":1,"\\u0061":2}', pointers: ['#/body/a'] },
    { title: 'in an array of objects', source: '{"items":[{"x":1},{"x":1,"y":2,"x":3}]}', pointers: ['#/body/items/1/x'] },
    { title: 'after a nested object with the same key', source: '{"a":{"a":1},"b":2,"a":3}', pointers: ['#/body/a'] },
    { title: 'with characters that a pointer escapes', source: '{"a/b~c":1,"a/b~c":2}', pointers: ['#/body/a~1b~0c'] },
    { title: 'twice over', source: '{"a":1,"a":2,"b":[{"c":1,"c":2}]}', pointers: ['#/body/a', '#/body/b/0/c'] },
    { title: 'whose text ends with a backslash', source: '{"a\\\\":1,"a\\\\":2}', pointers: ['#/body/a\\'] },
  ])('names a repeated key $title', ({ source, pointers }) => {
    const error = refusal(source)
    expect(error.code).toBe('json-duplicate-key')
    expect(error.errors?.map((place) => place.pointer)).toEqual(pointers)
  })

  it.each(['{"a":', '', 'nope', '{"a":1,}', "{'a':1}", '{"a":1}}'])('refuses %s as no JSON', (source) => {
    expect(refusal(source).code).toBe('json-invalid')
  })

  it('refuses __proto__ as a key', () => {
    expect(refusal('{"a":{"__proto__":{"isAdmin":true}}}')).toMatchObject({
      code: 'json-invalid',
      errors: [{ pointer: '#/body/a/__proto__' }],
    })
  })

  it('refuses nesting that only an attacker writes', () => {
    expect(refusal('['.repeat(5000) + ']'.repeat(5000)).code).toBe('json-invalid')
  })

  it('does not quote the body in its refusal', () => {
    expect(refusal('{"password":"hunter2",}').detail).not.toContain('hunter2')
  })
})
