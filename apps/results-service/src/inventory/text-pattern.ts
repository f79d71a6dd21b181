import { PharosError } from '@pharos/contracts'
import { likePattern } from '../access/repository-scope.js'
import { storedText } from './stored-text.js'

/** A LIKE pattern of a glob: `*` stands for any run of characters, everything else for itself. */
export function likeOfGlob(glob: string): string {
  return likePattern(storedText(glob))
}

/**
 * LIKE patterns of a search: with `*` a glob over a whole name, which may begin at any segment (`alpine*` finds
 * `docker.io/library/alpine`); without `*` any part.
 */
export function likeOfSearch(search: string): string[] {
  const like = likeOfGlob(search)
  return search.includes('*') ? [like, `%/${like}`] : [`%${like}%`]
}

/** A comma-separated list of literals as the codes of its members. Throws `filter-invalid` for others. */
export function codesOfList(name: string, list: string | undefined, codeOf: (item: string) => number | undefined): number[] | null {
  if (list === undefined) return null
  return list.split(',').map((item) => {
    const code = codeOf(item.trim())
    if (code === undefined) throw new PharosError('filter-invalid', `${name}: "${item.trim().slice(0, 50)}" is not known.`)
    return code
  })
}
