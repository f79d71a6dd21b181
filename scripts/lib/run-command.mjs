import { spawn } from 'node:child_process'
import { root } from './places.mjs'

/**
 * @typedef {object} CommandResult
 * @property {number} exitCode 128 + signal number is not made up: a signal counts as 1.
 * @property {string} output Standard output and error as they came.
 */

/**
 * Runs a command to its end. Its output is kept, or goes straight to the terminal.
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, environment?: Record<string, string | undefined>, isShown?: boolean, timeoutMs?: number, onLine?: (line: string) => void }} [options]
 * @returns {Promise<CommandResult>}
 */
export function runCommand(program, args, { cwd = root, environment = {}, isShown = false, timeoutMs, onLine } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...environment },
      stdio: isShown ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
      ...(timeoutMs === undefined ? {} : { timeout: timeoutMs, killSignal: 'SIGKILL' }),
    })
    let output = ''
    let rest = ''
    const take = (/** @type {Buffer} */ chunk) => {
      const text = chunk.toString('utf8')
      if (onLine === undefined) output += text
      else {
        const lines = (rest + text).split('\n')
        rest = lines.pop() ?? ''
        lines.forEach(onLine)
      }
    }
    child.stdout?.on('data', take)
    child.stderr?.on('data', onLine === undefined ? take : (chunk) => (output += chunk.toString('utf8')))
    child.once('error', reject)
    child.once('close', (code) => {
      if (rest !== '') onLine?.(rest)
      resolve({ exitCode: code ?? 1, output })
    })
  })
}

/**
 * Runs a command and fails with its output when it fails.
 * @param {string} program
 * @param {string[]} args
 * @param {Parameters<typeof runCommand>[2]} [options]
 */
export async function mustRun(program, args, options) {
  const result = await runCommand(program, args, options)
  if (result.exitCode !== 0)
    throw new Error(`${[program, ...args].join(' ')} failed with exit code ${result.exitCode}\n${result.output.trimEnd()}`)
  return result.output
}
