import type { RedisClient } from './redis-connection.js'
import { z } from 'zod'

/** A job's payload that did not parse, put aside. */
export const QuarantinedPayload = z.object({
  queue: z.string(),
  jobId: z.string(),
  name: z.string(),
  /** The payload as JSON text, cut at 16 kB. */
  payload: z.string(),
  problems: z.array(z.string()),
  quarantinedAt: z.string(),
})
export type QuarantinedPayload = z.infer<typeof QuarantinedPayload>

const KEPT_PER_QUEUE = 1000
const PAYLOAD_CHARACTERS = 16 * 1024

/** Payloads that no consumer can read, newest first, at most 1,000 a queue. For people to look at: the truth about work is in PostgreSQL. */
export class Quarantine {
  constructor(
    private readonly redis: RedisClient,
    private readonly prefix: string,
  ) {}

  async add(entry: QuarantinedPayload): Promise<void> {
    const key = this.keyOf(entry.queue)
    const text = JSON.stringify({ ...entry, payload: entry.payload.slice(0, PAYLOAD_CHARACTERS) })
    await this.redis
      .multi()
      .lpush(key, text)
      .ltrim(key, 0, KEPT_PER_QUEUE - 1)
      .exec()
  }

  async list(queue: string, limit = 100): Promise<QuarantinedPayload[]> {
    const texts = await this.redis.lrange(this.keyOf(queue), 0, limit - 1)
    return texts.map((text) => QuarantinedPayload.parse(JSON.parse(text)))
  }

  private keyOf(queue: string): string {
    return `${this.prefix}:quarantine:${queue}`
  }
}
