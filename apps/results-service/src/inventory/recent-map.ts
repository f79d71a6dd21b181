/**
 * A map of at most `2 * limit` entries that forgets what has not been asked for longest, roughly: it keeps two generations, and a
 * full younger one takes the place of the older. Neither a look-up nor an insert ever walks the entries.
 */
export class RecentMap<V> {
  private younger = new Map<string, V>()
  private older = new Map<string, V>()

  constructor(private readonly limit: number) {}

  get(key: string): V | undefined {
    const value = this.younger.get(key)
    if (value !== undefined) return value
    const kept = this.older.get(key)
    if (kept !== undefined) this.set(key, kept)
    return kept
  }

  set(key: string, value: V): void {
    if (this.younger.size >= this.limit) {
      this.older = this.younger
      this.younger = new Map()
    }
    this.younger.set(key, value)
  }

  clear(): void {
    this.younger.clear()
    this.older.clear()
  }
}
