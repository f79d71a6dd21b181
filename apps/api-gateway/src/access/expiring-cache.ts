import type { Clock } from '@pharos/service-kit'

/** Values that are trusted for a time. Past the bound the oldest entry goes. */
export class ExpiringCache<V> {
  private readonly entries = new Map<string, { value: V; untilMs: number }>()

  constructor(
    private readonly maxEntries: number,
    private readonly clock: Clock,
  ) {}

  get(key: string): V | undefined {
    const entry = this.entries.get(key)
    if (entry === undefined) return undefined
    if (entry.untilMs > this.clock.nowMs()) return entry.value
    this.entries.delete(key)
    return undefined
  }

  set(key: string, value: V, ttlMs: number): void {
    if (ttlMs <= 0) return
    this.entries.delete(key)
    this.entries.set(key, { value, untilMs: this.clock.nowMs() + ttlMs })
    const oldest = this.entries.size > this.maxEntries ? this.entries.keys().next() : undefined
    if (oldest?.done === false) this.entries.delete(oldest.value)
  }
}
