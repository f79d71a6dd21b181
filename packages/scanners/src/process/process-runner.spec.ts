import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { fakeNodeProgram, fakeProgram, scratchDirectory } from '../__tests__/fake-program.js'
import { runTool, type ToolRun } from './process-runner.js'
import { stderrTailLimitBytes, withoutAnsi } from './stderr-tail.js'

let directory = ''
beforeAll(async () => {
  directory = await scratchDirectory()
})

async function run(script: string, options: Partial<ToolRun> = {}) {
  const program = await fakeProgram(directory, `tool-${Math.random().toString(36).slice(2)}`, script)
  return runTool({
    tool: 'tool',
    program,
    args: [],
    workDirectory: directory,
    output: { limitBytes: 10_000 },
    timeoutMs: 100_000,
    ...options,
  })
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('a run of a tool', () => {
  it('answers with output and exit code', async () => {
    expect(await run('echo found; echo why >&2; exit 3')).toMatchObject({
      exitCode: 3,
      stderr: 'why',
      outputBytes: 6,
      stdout: Buffer.from('found\n'),
    })
  })

  it('passes arguments as they are: no shell reads them', async () => {
    const { stdout } = await run('printf "%s|" "$@"', { args: ['$(id)', '; rm -rf x', '--', '-v'] })
    expect(stdout.toString()).toBe('$(id)|; rm -rf x|--|-v|')
  })

  it('hands on nothing of our environment', async () => {
    process.env['PHAROS_TEST_SECRET'] = 'inherited'
    const { stdout } = await run('env', { environment: { GIVEN: 'yes' } })
    delete process.env['PHAROS_TEST_SECRET']
    expect(stdout.toString()).toContain('GIVEN=yes')
    expect(stdout.toString()).not.toContain('inherited')
    expect(stdout.toString()).toContain(`HOME=${directory}`)
  })

  it('writes to a file when asked', async () => {
    const path = join(directory, 'output.json')
    expect(await run('echo "{}"', { output: { limitBytes: 100, path } })).toMatchObject({ outputBytes: 3 })
    expect(await readFile(path, 'utf8')).toBe('{}\n')
  })

  it.each([
    ['runs too long', 'sleep 60', { timeoutMs: 100 }, 'engine-timeout'],
    ['prints too much', 'yes', {}, 'engine-output-invalid'],
    ['kills itself', 'kill -SEGV $$', {}, 'engine-crashed'],
  ])('ends with a typed error when the tool %s', async (_sentence, script, options, code) => {
    await expect(run(script, options)).rejects.toMatchObject({ code })
  })

  it('kills a tool that outgrows its memory', async () => {
    const program = await fakeNodeProgram(directory, 'grower', 'const kept = []; setInterval(() => kept.push(Buffer.alloc(8 << 20, 1)), 5)')
    await expect(
      runTool({
        tool: 'grower',
        program,
        args: [],
        workDirectory: directory,
        output: { limitBytes: 10 },
        timeoutMs: 110_000,
        memoryLimitBytes: 150 * 1024 * 1024,
      }),
    ).rejects.toMatchObject({ code: 'engine-out-of-memory' })
  })

  it('says that a program which is not there cannot be started', async () => {
    await expect(
      runTool({
        tool: 'grype',
        program: join(directory, 'nothing'),
        args: [],
        workDirectory: directory,
        output: { limitBytes: 10 },
        timeoutMs: 5_000,
      }),
    ).rejects.toMatchObject({ code: 'engine-unavailable' })
  })

  it('kills the whole process group when it is cancelled', async () => {
    const abort = new AbortController()
    const path = join(directory, 'child-pid')
    const running = run(`sleep 60 & echo $! > ${path}; wait`, { signal: abort.signal })
    const settled = running.then(
      () => undefined,
      (error: unknown) => error,
    )
    const pid = await vi.waitFor(
      async () => {
        const text = await readFile(path, 'utf8')
        expect(text).toMatch(/^\d+\n$/)
        return Number(text)
      },
      { timeout: 90_000 },
    )
    abort.abort()
    expect(await settled).toMatchObject({ code: 'cancelled' })
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), { timeout: 90_000 })
  })

  it('keeps the end of a long error output, without terminal escapes', async () => {
    const { stderr } = await run(
      'i=0; while [ $i -lt 3000 ]; do echo "line $i" >&2; i=$((i+1)); done; printf "\\033[31mred\\033[0m\\n" >&2',
    )
    expect(stderr.endsWith('line 2999\nred')).toBe(true)
    expect(stderr.length).toBeLessThanOrEqual(stderrTailLimitBytes)
  })
})

describe('withoutAnsi', () => {
  it('leaves text alone and takes escapes out', () => {
    expect(withoutAnsi('[0000] \u001b[31mERROR\u001b[0m \u001b]8;;x\u0007link\tü\n')).toBe('[0000] ERROR link\tü\n')
  })
})
