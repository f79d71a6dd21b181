import type { ChildProcess } from 'node:child_process'

/** Sends a signal to a child that was started detached, and to everything that it started. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    // ESRCH: it has ended meanwhile, which is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** What a tool sees of the environment: nothing of ours but where to find programs and where to write. */
export function minimalEnvironment(workDirectory: string, extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: workDirectory,
    TMPDIR: workDirectory,
    XDG_CACHE_HOME: workDirectory,
    XDG_CONFIG_HOME: workDirectory,
    LANG: 'C.UTF-8',
    NO_COLOR: '1',
    ...extra,
  }
}
