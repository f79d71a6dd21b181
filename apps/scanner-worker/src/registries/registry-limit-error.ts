/** A registry's limit is reached, or it asked to be left alone: the attempt goes back and frees its slot. Not a failure. */
export class RegistryLimitError extends Error {
  override readonly name = 'RegistryLimitError'

  constructor(
    readonly registry: string,
    readonly decision: 'full' | 'blocked',
    readonly retryAfterMs: number,
  ) {
    super(`the registry ${registry} is ${decision}`)
  }
}
