import { PharosError, VulnerabilityFindingId } from '@pharos/contracts'
import { uuidOf } from '../inventory/content-hash.js'

/** The row's id of a finding's public id. Throws `not-found` for what is none: secrets and misconfigurations have no decisions. */
export function findingIdOf(publicId: string): string {
  if (!VulnerabilityFindingId.safeParse(publicId).success)
    throw new PharosError('not-found', 'There is no such finding, or you may not see it.')
  return uuidOf(publicId.slice(2))
}
