import type { Transaction } from '../database/transaction.js'

/** What decides about findings without anybody asking: VEX statements. */
export abstract class DecisionRules {
  /**
   * Brings the decisions of these images in line with the VEX statements that are about them: statements decide open findings that
   * nobody has decided about, decisions whose statement no longer holds end, and the decision of a finding that went up in another
   * one (its aliases turned out to name the same vulnerability) goes there. Summaries and events follow. Runs in the caller's transaction, which has
   * stored the findings; doing it again changes nothing. Costs two small statements where nothing was ever decided.
   */
  abstract applyToImages(tx: Transaction, imageIds: readonly number[], at: Date): Promise<void>
}
