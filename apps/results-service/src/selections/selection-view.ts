import type { Selection } from '@pharos/contracts'
import { originalText } from '../inventory/stored-text.js'
import type { SelectionRow } from './selections.repository.js'

export function tokenOf(id: string): string {
  return `sel_${id.replaceAll('-', '')}`
}

/** The id of a token that fits the contract. */
export function idOfToken(token: string): string {
  return token.slice(4).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** A selection as the API shows it. */
export function selectionOf(row: SelectionRow): Selection {
  const { preview } = row
  return {
    token: tokenOf(row.id),
    resource: 'findings',
    filter: originalText(row.filter),
    count: row.total,
    preview: {
      ...preview,
      images: {
        ...preview.images,
        first: preview.images.first.map((image) => ({ ...image, references: image.references.map(originalText) })),
      },
      owners: preview.owners.map(({ owner, count }) => ({ owner: owner && originalText(owner), count })),
    },
    state: row.state,
    decision: row.decision?.status ?? null,
    progress: { done: row.done_position, changed: row.changed, unchanged: row.unchanged, undone: row.undone, kept: row.kept },
    createdAt: row.created_at.toISOString(),
    createdBy: row.principal,
    expiresAt: row.expires_at.toISOString(),
  }
}
