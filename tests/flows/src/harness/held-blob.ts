import type { TestRegistry } from '@pharos/test-kit'

/** A scan that stands still in the middle of its pull until the flow lets it go on. */
export interface HeldBlob {
  /** Resolves when somebody asks for the blob. */
  reached: Promise<void>
  /** Hands the blob out after all. */
  release(): void
  /** Answers with an error status instead. */
  refuse(status: number): void
}

/** Holds the first request for a blob. */
export function holdBlob(registry: TestRegistry, repository: string, digest: string): HeldBlob {
  let arrive: () => void = () => undefined
  let decide: (status: number | undefined) => void = () => undefined
  const reached = new Promise<void>((resolve) => (arrive = resolve))
  const until = new Promise<number | undefined>((resolve) => (decide = resolve))
  registry.fail({
    match: new RegExp(`^GET /v2/${repository}/blobs/${digest}$`),
    fault: { kind: 'hold', until, onHeld: () => arrive() },
    times: 1,
  })
  return { reached, release: () => decide(undefined), refuse: (status) => decide(status) }
}
