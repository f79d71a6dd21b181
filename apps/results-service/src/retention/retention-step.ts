/** What a retention step did in one go. */
export interface RetentionProgress {
  readonly removed: number
  /** Nothing is left to remove for now. */
  readonly isDone: boolean
}

/** One kind of rows that have their time. */
export interface RetentionStep {
  /** Name in the counts, plural. */
  readonly name: string
  /** Rows that could be removed now. */
  count(): Promise<number>
  /** Removes a batch in short transactions. `isOver` tells that the round's time is used up. */
  remove(isOver: () => boolean): Promise<RetentionProgress>
}
