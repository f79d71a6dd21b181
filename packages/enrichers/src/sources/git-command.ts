import { spawn } from 'node:child_process'

/** How `git` is run. */
export interface GitProgram {
  /** Default `git`, found in the PATH of `environment`. */
  program?: string | undefined
  /** Whole environment of git. Default: a PATH alone, so that no configuration or credential of this process is used. */
  environment?: Readonly<Record<string, string>> | undefined
  /** Time of one command. Default 60,000. */
  timeoutMs?: number | undefined
}

/** A command of git that did not end well; the message is the end of what it said. */
export class GitError extends Error {
  constructor(
    readonly reason: 'missing' | 'failed' | 'timeout' | 'too-large',
    message: string,
  ) {
    super(message)
  }
}

const standardPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin'
const limitBytes = 64 * 1024 * 1024
const limitMessage = 2000

/** Runs one command of git; nothing is interpreted by a shell, and git may ask nobody. */
export function runGit(git: GitProgram, folder: string, args: readonly string[], input = ''): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(git.program ?? 'git', ['-C', folder, ...args], {
      env: {
        ...(git.environment ?? { PATH: standardPath, HOME: folder, GIT_CONFIG_NOSYSTEM: '1' }),
        GIT_TERMINAL_PROMPT: '0',
        GIT_LFS_SKIP_SMUDGE: '1',
        LC_ALL: 'C',
      },
      stdio: ['pipe', 'pipe', 'pipe'],
      // Its helpers (git-remote-https) end with it when the group is killed.
      detached: true,
    })
    let failure: GitError | undefined
    const stop = (error: GitError): void => {
      failure ??= error
      if (child.pid !== undefined) killGroup(child.pid)
    }
    const timeoutMs = git.timeoutMs ?? 60_000
    const timer = setTimeout(() => stop(new GitError('timeout', `git did not end within ${timeoutMs / 1000} s`)), timeoutMs)
    const chunks: Buffer[] = []
    let bytes = 0
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > limitBytes) stop(new GitError('too-large', 'git gave more than 64 MiB'))
      else chunks.push(chunk)
    })
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString('utf8')).slice(-limitMessage)))
    // git may end before it has read all; its exit code tells what happened.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      reject(new GitError('missing', error.code === 'ENOENT' ? 'git is not installed here' : error.message))
    })
    child.on('close', (code) => {
      clearTimeout(timer)
      if (failure) reject(failure)
      else if (code === 0) resolve(Buffer.concat(chunks))
      else reject(new GitError('failed', said.trim() || `git ended with ${code}`))
    })
  })
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
