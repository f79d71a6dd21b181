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
