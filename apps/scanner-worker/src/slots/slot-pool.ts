/** Who a slot is taken for: interactive work, or the shared queue of CI and background work. */
export type SlotKind = 'interactive' | 'shared'

/** Room for one scan. */
export interface Slot {
  readonly index: number
  release(): void
}

/**
 * The slots of a worker. Interactive work may take any free slot; shared work never takes the last `interactiveSlots`, so somebody
 * who waits before a screen always finds room.
 */
export class SlotPool {
  private readonly free: number[]
  private readonly busyByKind: Record<SlotKind, number> = { interactive: 0, shared: 0 }
  private readonly listeners: (() => void)[] = []
  readonly total: number

  constructor(
    private readonly sharedSlots: number,
    interactiveSlots: number,
  ) {
    this.total = sharedSlots + interactiveSlots
    this.free = Array.from({ length: this.total }, (_, index) => index)
  }

  /** Takes a slot, or says that there is none for this kind of work. The lowest index first: its engine is warm. */
  tryTake(kind: SlotKind): Slot | undefined {
    if (kind === 'shared' && this.busyByKind.shared >= this.sharedSlots) return undefined
    const index = this.free.shift()
    if (index === undefined) return undefined
    this.busyByKind[kind] += 1
    this.notify()
    let isReleased = false
    return {
      index,
      release: () => {
        if (isReleased) return
        isReleased = true
        this.busyByKind[kind] -= 1
        this.free.push(index)
        this.free.sort((a, b) => a - b)
        this.notify()
      },
    }
  }

  busy(kind?: SlotKind): number {
    return kind === undefined ? this.busyByKind.interactive + this.busyByKind.shared : this.busyByKind[kind]
  }

  /** How many jobs of a kind may be in hand now, those that run included; a queue asked for more would hoard them. */
  capacity(kind: SlotKind): number {
    return kind === 'interactive'
      ? this.total - this.busyByKind.shared
      : Math.min(this.sharedSlots, this.total - this.busyByKind.interactive)
  }

  onChange(listener: () => void): void {
    this.listeners.push(listener)
  }

  private notify(): void {
    for (const listener of this.listeners) listener()
  }
}
