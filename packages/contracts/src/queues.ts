import { ScanJob } from './internal/attempt.js'
import type { Priority } from './primitives.js'

/** Prefix of all BullMQ keys; in braces so that a Redis Cluster keeps a queue's keys on one node. */
export const queuePrefix = '{pharos}'

/**
 * The queues. `scan-interactive` has a slot of its own in every worker; `scan` holds CI and background work by priority.
 * BullMQ attempts are always 1: retries are decided by results-service and are new attempts with new job ids.
 */
export const scanQueues = {
  interactive: { name: 'scan-interactive', payload: ScanJob },
  shared: { name: 'scan', payload: ScanJob },
} as const

/** Queue and BullMQ priority (lower is earlier) of a task's priority. */
export const lanes: Readonly<Record<Priority, { queue: 'scan-interactive' | 'scan'; jobPriority: number }>> = {
  interactive: { queue: 'scan-interactive', jobPriority: 1 },
  ci: { queue: 'scan', jobPriority: 100 },
  background: { queue: 'scan', jobPriority: 10_000 },
}

/** Background work that has waited this long goes ahead of CI work: its stated longest wait behind others. */
export const backgroundLongestWaitMs = 15 * 60_000

/** Job id of an attempt; BullMQ refuses ids with a colon. */
export function scanJobId(taskId: string, attempt: number): string {
  return `task-${taskId}-${attempt}`
}

/** Redis key that holds the epoch which results-service wrote; missing or different means that Redis has lost its data. */
export const redisEpochKey = 'pharos:epoch'
