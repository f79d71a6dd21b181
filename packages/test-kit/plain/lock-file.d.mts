import type { ProcessIdentity } from './process-identity.mjs'

/**
 * Takes a lock file for this process, also from a holder that is gone. Returns the function that gives it back,
 * or undefined when another process held it for all of `timeoutMs`.
 */
export function takeLock(path: string, timeoutMs: number): Promise<(() => void) | undefined>

/** Runs `work` while this process alone holds the lock file; fails when it is not to be had within `timeoutMs` (120,000). */
export function withLock<T>(path: string, work: () => Promise<T>, timeoutMs?: number): Promise<T>

/** The process that holds a lock file, if one is there and its holder lives. */
export function lockHolder(path: string): ProcessIdentity | undefined
