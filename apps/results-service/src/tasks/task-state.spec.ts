import { endedTaskStates, TaskState } from '@pharos/contracts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasEnded, nextState, taskTransitions, type TaskTransition } from './task-state.js'

const states = TaskState.options
const transitions = Object.keys(taskTransitions) as TaskTransition[]

describe('task state', () => {
  it.each<[string, TaskState, TaskTransition, TaskState | null]>([
    ['a queued task runs when a worker claims it', 'queued', 'claim', 'running'],
    ['a retrying task runs when a worker claims it', 'retrying', 'claim', 'running'],
    ['a running task is not claimed again', 'running', 'claim', null],
    ['a running task waits when another leads the run', 'running', 'subscribe', 'waiting'],
    ['a waiting task is queued when its run is given up', 'waiting', 'promote', 'queued'],
    ['a running task is not promoted', 'running', 'promote', null],
    ['a waiting task ends with the run that it waits for', 'waiting', 'succeed', 'succeeded'],
    ['a partial result is its own end', 'running', 'succeedPartly', 'partial'],
    ['a queued task cannot succeed without a worker', 'queued', 'succeed', null],
    ['a transient failure leads to retrying', 'running', 'retry', 'retrying'],
    ['a deferred attempt leads to retrying', 'running', 'defer', 'retrying'],
    ['a lost worker puts the task back into the queue', 'running', 'requeue', 'queued'],
    ['a follower fails with the image', 'waiting', 'fail', 'failed'],
    ['a follower is put aside with the image', 'waiting', 'quarantine', 'quarantined'],
    ['a retrying task can be cancelled', 'retrying', 'cancel', 'cancelled'],
    ['a failed task is not cancelled', 'failed', 'cancel', null],
    ['a quarantined task can be replayed', 'quarantined', 'replay', 'queued'],
    ['a running task is not replayed', 'running', 'replay', null],
  ])('%s', (_sentence, from, transition, to) => {
    expect(nextState(from, transition)).toBe(to)
  })

  it('knows every state, and each but the first can be reached', () => {
    const reached = new Set(transitions.map((transition) => taskTransitions[transition].to))
    expect([...reached].sort()).toEqual([...states].sort())
  })

  it('leaves an ended state by a replay alone, on whatever path', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...transitions), { maxLength: 40 }), (path) => {
        let state: TaskState = 'queued'
        for (const transition of path) {
          const next = nextState(state, transition)
          if (next === null) continue
          if (hasEnded(state)) expect(transition).toBe('replay')
          state = next
        }
      }),
    )
  })

  it('can be ended from every state that is not ended', () => {
    for (const state of states) {
      const canEnd = transitions.some((transition) => {
        const next = nextState(state, transition)
        return next !== null && endedTaskStates.has(next)
      })
      expect(canEnd, state).toBe(!endedTaskStates.has(state))
    }
  })
})
