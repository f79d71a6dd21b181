import { dim } from './terminal.mjs'

/** @typedef {ReturnType<typeof import('./api.mjs').apiClient>} Api */

/** Ready enrichers that the demo activates: a Go template, a Starlark script and a Go program. */
const names = ['distro-support', 'exploitability', 'runtime-support']
const label = 'demo'

/**
 * Makes ready enrichers the active ones, unless somebody has activated others.
 * @param {Api} api
 * @param {(look: () => Promise<unknown>, problem: string) => Promise<unknown>} poll
 */
export async function activateEnrichers(api, poll) {
  const { active } = await api('GET', '/enrichers')
  if (active !== null) return
  const { librarySet } = await import('../../packages/enrichers/dist/index.js')
  const { id } = await api('POST', '/enrichers/sets', { json: { files: librarySet(names), label } })
  await poll(async () => {
    const { state } = await api('GET', `/enrichers/sets/${id}`)
    return state === 'checking' ? undefined : state
  }, 'no worker has checked the sample enrichers (see the log of scanner-worker)')
  await api('POST', `/enrichers/sets/${id}:activate`)
}

/**
 * What enrichers have made of an image, a line each; undefined while some are not there yet.
 * @param {Api} api @param {string} digest
 * @returns {Promise<string[] | undefined>}
 */
export async function describeContexts(api, digest) {
  const { items, enrichment } = await api('GET', `/images/${digest}/contexts`)
  if (enrichment?.state === 'pending') return undefined
  return items
    .filter((/** @type {{ key: string, owner: string }} */ { key, owner }) => key === '' && owner !== 'submit')
    .map((/** @type {{ owner: string, data: unknown }} */ { owner, data }) => dim(`    ${owner}: ${shortened(JSON.stringify(data), 110)}`))
}

/** @param {string} text @param {number} width */
function shortened(text, width) {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`
}
