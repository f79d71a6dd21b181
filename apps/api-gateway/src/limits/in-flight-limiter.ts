/** Bounds how many requests are answered at once, in all and for one caller. */
export class InFlightLimiter {
  private total = 0
  private readonly byCaller = new Map<string, number>()

  constructor(private readonly limits: { total: number; perCaller: number }) {}

  /** Requests that are being answered. */
  get inFlight(): number {
    return this.total
  }

  /** Enters a request; the answer leaves it again (calling that twice does no harm). null: there is no room. */
  enter(caller: string): (() => void) | null {
    const own = this.byCaller.get(caller) ?? 0
    if (this.total >= this.limits.total || own >= this.limits.perCaller) return null
    this.total += 1
    this.byCaller.set(caller, own + 1)
    let isInside = true
    return () => {
      if (!isInside) return
      isInside = false
      this.total -= 1
      const left = (this.byCaller.get(caller) ?? 1) - 1
      if (left === 0) this.byCaller.delete(caller)
      else this.byCaller.set(caller, left)
    }
  }
}
