/** Seconds of the parts of a piece of work, by name, for its report. */
export class PhaseTimes {
  private readonly ms = new Map<string, number>()

  async time<T>(phase: string, work: () => Promise<T>): Promise<T> {
    const beganMs = performance.now()
    try {
      return await work()
    } finally {
      this.ms.set(phase, (this.ms.get(phase) ?? 0) + performance.now() - beganMs)
    }
  }

  /** To the millisecond. */
  seconds(): Record<string, number> {
    return Object.fromEntries([...this.ms].map(([phase, ms]) => [phase, Math.round(ms) / 1000]))
  }
}
