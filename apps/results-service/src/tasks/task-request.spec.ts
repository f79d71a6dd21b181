import { PharosError } from '@pharos/contracts'
import { describe, expect, it } from 'vitest'
import { readTaskRequest } from './task-request.js'

const defaults = { engines: ['grype'], priority: 'ci', cohort: 'nightly' } as const

describe('readTaskRequest', () => {
  it('takes a reference alone, with the defaults', () => {
    expect(readTaskRequest('alpine:3.18', defaults)).toEqual({
      image: 'alpine:3.18',
      repository: 'docker.io/library/alpine',
      platform: null,
      engines: ['grype'],
      priority: 'ci',
      cohort: 'nightly',
      context: null,
      contextKey: null,
      maxAgeMs: 0,
      isForced: false,
    })
  })

  it('prefers what the item says', () => {
    expect(
      readTaskRequest(
        {
          image: 'registry.example:5000/a/b',
          platform: 'linux/x86_64',
          engines: ['trivy', 'grype', 'trivy'].slice(0, 2),
          priority: 'interactive',
          cohort: 'x',
          maxAge: '1h30m',
          force: true,
        },
        defaults,
      ),
    ).toMatchObject({
      repository: 'registry.example:5000/a/b',
      platform: 'linux/amd64',
      engines: ['grype', 'trivy'],
      priority: 'interactive',
      cohort: 'x',
      maxAgeMs: 5_400_000,
      isForced: true,
    })
  })

  it.each<[string, unknown, string]>([
    ['a reference that begins with a dash', '-v', 'reference-invalid'],
    ['an empty reference', '', 'reference-invalid'],
    ['a reference of 10 kB', 'a'.repeat(10_240), 'reference-invalid'],
    ['a reference with white space', 'alpine 3.18', 'reference-invalid'],
    ['a reference with unicode', 'älpine', 'reference-invalid'],
    ['a repository of more than 255 characters', `registry.example/${'a'.repeat(256)}`, 'reference-invalid'],
    ['an unknown platform', { image: 'alpine', platform: 'plan10/amd64' }, 'platform-invalid'],
    ['an unknown engine', { image: 'alpine', engines: ['clair'] }, 'engine-unknown'],
    ['an unknown key', { image: 'alpine', imagePull: true }, 'request-invalid'],
    ['no image', {}, 'request-invalid'],
    ['a number', 7, 'request-invalid'],
    [
      'a context of 101 keys',
      { image: 'alpine', context: Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`k${index}`, 1])) },
      'request-invalid',
    ],
  ])('refuses %s', (_what, item, code) => {
    expect(() => readTaskRequest(item, defaults)).toThrow(expect.objectContaining({ constructor: PharosError, code }))
  })
})
