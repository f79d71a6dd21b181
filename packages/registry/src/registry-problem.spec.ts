import { describe, expect, it } from 'vitest'
import { parseRetryAfterMs, printable, problemOfFailure, problemOfStatus, registryProblem } from './registry-problem.js'

describe('problemOfStatus', () => {
  it.each<[number, string, boolean]>([
    [400, 'registry-response-invalid', false],
    [401, 'registry-unauthorized', false],
    [403, 'registry-forbidden', false],
    [404, 'manifest-not-found', false],
    [405, 'registry-response-invalid', false],
    [408, 'registry-timeout', true],
    [410, 'manifest-not-found', false],
    [418, 'registry-response-invalid', false],
    [429, 'registry-rate-limited', true],
    [500, 'registry-server-error', true],
    [502, 'registry-server-error', true],
    [503, 'registry-server-error', true],
    [504, 'registry-server-error', true],
    [599, 'registry-server-error', true],
    [204, 'registry-response-invalid', false],
  ])('%i is %s (retryable: %s)', (status, code, isRetryable) => {
    expect(problemOfStatus(status, 'x')).toMatchObject({ code, isRetryable })
  })

  it('repeats an error code of the specification and nothing else of a body', () => {
    expect(problemOfStatus(404, 'x', { body: '{"errors":[{"code":"NAME_UNKNOWN","message":"hunter2"}]}' }).detail).toBe(
      'The registry answered 404 (NAME_UNKNOWN) to the request for x.',
    )
    expect(problemOfStatus(404, 'x', { body: '{"errors":[{"code":"HUNTER_TWO"}]}' }).detail).not.toContain('HUNTER')
  })
})

describe('problemOfFailure', () => {
  it.each<[string, string]>([
    ['ENOTFOUND', 'registry-name-unresolved'],
    ['EAI_AGAIN', 'registry-unreachable'],
    ['ECONNREFUSED', 'registry-unreachable'],
    ['ECONNRESET', 'registry-unreachable'],
    ['EHOSTUNREACH', 'registry-unreachable'],
    ['ETIMEDOUT', 'registry-timeout'],
    ['CERT_HAS_EXPIRED', 'registry-tls-invalid'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'registry-tls-invalid'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'registry-tls-invalid'],
    ['EPROTO', 'registry-tls-invalid'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'registry-tls-invalid'],
    ['HPE_INVALID_CONSTANT', 'registry-response-invalid'],
    ['HPE_HEADER_OVERFLOW', 'registry-response-invalid'],
    ['ENOSPC', 'disk-full'],
    ['EDQUOT', 'disk-full'],
    ['SOMETHING_NEW', 'registry-unreachable'],
  ])('%s is %s, also below a wrapper', (code, expected) => {
    const cause = Object.assign(new Error('socket said Authorization: Basic c2VjcmV0'), { code })
    const wrapped = Object.assign(new Error('wrapped', { cause }), { code: 'ERR_BAD_REQUEST' })
    for (const failure of [cause, wrapped, new AggregateError([cause])]) {
      const problem = problemOfFailure(failure, 'registry.example')
      expect(problem.code).toBe(expected)
      expect(problem.cause).toBeUndefined()
      expect(problem.message).not.toContain('c2VjcmV0')
    }
  })

  it('keeps a problem that was thrown below', () => {
    const problem = registryProblem('registry-address-forbidden', 'no')
    expect(problemOfFailure(new Error('wrapped', { cause: problem }), 'x')).toBe(problem)
  })
})

describe('messages', () => {
  it('are cut at 500 characters and hold no control or format characters', () => {
    const detail = registryProblem('registry-unreachable', `a\u0000b\r\nc\u001b[31m\u202e${'x'.repeat(10_000)}`).detail
    expect(detail.length).toBeLessThanOrEqual(501)
    expect(detail.startsWith('a?b??c?[31m?x')).toBe(true)
    expect(printable('grün 镜像')).toBe('grün 镜像')
  })
})

describe('parseRetryAfterMs', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  it.each<[string | undefined, number | undefined]>([
    ['120', 120_000],
    ['0', 0],
    [' 5 ', 5000],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['999999999999', 86_400_000],
    ['Fri, 01 Jan 2100 00:00:00 GMT', 86_400_000],
    ['1.5', undefined],
    ['-1', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s is %s ms', (header, expected) => {
    expect(parseRetryAfterMs(header, now)).toBe(expected)
  })
})
