import { PharosError, type RegistryAccess } from '@pharos/contracts'
import type { RegistryClient } from '@pharos/registry'
import { RegistryLimitError } from './registry-limit-error.js'
import type { RegistryLimiter, RegistryPermit } from './registry-limiter.js'

/** For registries that nobody has registered. */
const defaultMaxConcurrent = 8
/** A registry that says 429 without a Retry-After is left alone for this long. */
const defaultBlockMs = 30_000

/** One attempt's way to its registry: within the limit that all workers share, and with the attempt's credential only. */
export class RegistrySession {
  private permit: RegistryPermit | undefined

  constructor(
    private readonly limiter: RegistryLimiter,
    private readonly access: RegistryAccess | null,
    private readonly client: RegistryClient,
  ) {}

  /**
   * Uses the registry. The permit is kept until `close`.
   * @throws RegistryLimitError when there is no room; PharosError `registry-*`, `manifest-not-found`, `image-*`
   */
  async use<T>(registry: string, work: (client: RegistryClient) => Promise<T>): Promise<T> {
    this.permit ??= await this.acquire(registry)
    try {
      return await work(this.client)
    } catch (error) {
      if (error instanceof PharosError && error.code === 'registry-rate-limited')
        await this.limiter.block(registry, error.retryAfterMs ?? defaultBlockMs)
      throw error
    }
  }

  async renew(): Promise<void> {
    await this.permit?.renew()
  }

  async close(): Promise<void> {
    this.client.close()
    const { permit } = this
    this.permit = undefined
    await permit?.release()
  }

  private async acquire(registry: string): Promise<RegistryPermit> {
    const decision = await this.limiter.acquire(registry, this.access?.maxConcurrent ?? defaultMaxConcurrent)
    if (decision.outcome === 'granted') return decision.permit
    throw new RegistryLimitError(registry, decision.outcome, decision.retryAfterMs)
  }
}
