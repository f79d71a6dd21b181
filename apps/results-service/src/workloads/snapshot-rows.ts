import type { ObservedWorkload } from '@pharos/contracts'
import { storedText } from '../inventory/stored-text.js'
import { type ObservedImage, observedImageOf, platformOf } from './running-image.js'

/**
 * The containers of a snapshot, a column at a time, as they are stored. Replicas are one row. Texts that repeat are kept
 * once, so that a large cluster needs little memory.
 */
export class SnapshotRows {
  readonly namespace: string[] = []
  readonly kind: string[] = []
  readonly name: string[] = []
  readonly container: string[] = []
  readonly digest: string[] = []
  readonly platform: string[] = []
  readonly reference: string[] = []
  readonly repository: string[] = []
  readonly owner: (string | null)[] = []
  readonly labels: string[] = []
  /** How an image can be pulled, by digest and reference. */
  private readonly pullable = new Map<string, string | null>()
  private readonly keys = new Set<string>()
  private readonly images = new Map<string, ObservedImage>()
  private readonly texts = new Map<string, string>()

  get length(): number {
    return this.digest.length
  }

  /** Adds a container that was checked with the contract. Throws `platform-invalid`. */
  add(observed: ObservedWorkload): void {
    const image = this.imageOf(observed)
    const platform = this.once(platformOf(observed.platform))
    // None of these texts holds a line break, see the contract.
    const key = [observed.namespace, observed.kind, observed.name, observed.container, image.digest, platform].join('\n')
    if (this.keys.has(key)) return
    this.keys.add(key)
    this.namespace.push(this.once(observed.namespace))
    this.kind.push(this.once(observed.kind))
    this.name.push(observed.name)
    this.container.push(this.once(observed.container))
    this.digest.push(image.digest)
    this.platform.push(platform)
    this.reference.push(image.reference)
    this.repository.push(image.repository)
    this.owner.push(observed.owner === undefined ? null : this.once(storedText(observed.owner)))
    this.labels.push(this.once(labelText(observed.labels ?? {})))
    this.pullable.set(pullKey(image.digest, image.reference), image.pullable)
  }

  /** What a registry can be asked for to get an image of this snapshot, e.g. docker.io/library/nginx@sha256:…; null when nothing is known. */
  pullableOf(digest: string, reference: string): string | null {
    return this.pullable.get(pullKey(digest, reference)) ?? null
  }

  private imageOf({ image, imageId }: ObservedWorkload): ObservedImage {
    const key = `${image}\n${imageId ?? ''}`
    const known = this.images.get(key)
    if (known !== undefined) return known
    const { reference, repository, ...rest } = observedImageOf(image, imageId)
    const found = { ...rest, reference: storedText(reference), repository: storedText(repository) }
    this.images.set(key, found)
    return found
  }

  private once(text: string): string {
    const known = this.texts.get(text)
    if (known !== undefined) return known
    this.texts.set(text, text)
    return text
  }
}

const pullKey = (digest: string, reference: string): string => `${digest}\n${reference}`

/** Sorted, so that the same labels are the same text. */
function labelText(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1))))
}
