import type { ClaimedAttempt } from '@pharos/contracts'
import type { RegistrySession } from '../registries/registry-session.js'
import type { AttemptKey } from '../results/results.client.js'
import type { AttemptLease } from './attempt-lease.js'

/** What results-service said when the attempt was claimed. */
export type Claim = Extract<ClaimedAttempt, { outcome: 'claimed' }>

/** One attempt at a scan, as its phases see it. */
export interface ScanAttempt {
  readonly claim: Claim
  readonly key: AttemptKey
  readonly lease: AttemptLease
  readonly registry: RegistrySession
  readonly slotIndex: number
  /** Private folder, removed when the attempt ends. */
  readonly workDirectory: string
}
