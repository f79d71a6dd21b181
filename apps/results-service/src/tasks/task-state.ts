import { endedTaskStates, type TaskState } from '@pharos/contracts'

/**
 * The table of a task's transitions; whoever changes a task's state does it by one of these.
 *
 * | transition   | from                       | to          | who                                                            |
 * | ------------ | -------------------------- | ----------- | -------------------------------------------------------------- |
 * | claim        | queued, retrying           | running     | a worker takes up the attempt                                  |
 * | subscribe    | running                    | waiting     | its digest is being scanned for another task                   |
 * | promote      | waiting                    | queued      | the run that it waited for was given up: it gets its own attempt |
 * | succeed      | running, waiting           | succeeded   | a complete report, or a fresh stored result                    |
 * | succeedPartly | running, waiting          | partial     | a report that names what is missing                            |
 * | retry        | running                    | retrying    | transient failure with attempts left                           |
 * | defer        | running                    | retrying    | the worker gave the attempt back                               |
 * | requeue      | running                    | queued      | its worker was lost: another attempt at once                   |
 * | fail         | running, waiting           | failed      | permanent failure, or no attempts left                         |
 * | quarantine   | running, waiting           | quarantined | the image killed its workers                                   |
 * | cancel       | every state but the ended  | cancelled   | its submitter                                                  |
 * | replay       | every ended state          | queued      | an admin                                                       |
 */
export const taskTransitions = {
  claim: { from: ['queued', 'retrying'], to: 'running' },
  subscribe: { from: ['running'], to: 'waiting' },
  promote: { from: ['waiting'], to: 'queued' },
  succeed: { from: ['running', 'waiting'], to: 'succeeded' },
  succeedPartly: { from: ['running', 'waiting'], to: 'partial' },
  retry: { from: ['running'], to: 'retrying' },
  defer: { from: ['running'], to: 'retrying' },
  requeue: { from: ['running'], to: 'queued' },
  fail: { from: ['running', 'waiting'], to: 'failed' },
  quarantine: { from: ['running', 'waiting'], to: 'quarantined' },
  cancel: { from: ['queued', 'running', 'waiting', 'retrying'], to: 'cancelled' },
  replay: { from: ['succeeded', 'partial', 'failed', 'quarantined', 'cancelled'], to: 'queued' },
} as const satisfies Record<string, { readonly from: readonly TaskState[]; readonly to: TaskState }>

/** Name of a transition. */
export type TaskTransition = keyof typeof taskTransitions

/** The state after a transition; null when it is not allowed from there. */
export function nextState(state: TaskState, transition: TaskTransition): TaskState | null {
  const { from, to }: { from: readonly TaskState[]; to: TaskState } = taskTransitions[transition]
  return from.includes(state) ? to : null
}

/** Whether a task in this state has ended. */
export function hasEnded(state: TaskState): boolean {
  return endedTaskStates.has(state)
}
