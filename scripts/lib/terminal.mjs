const isColoured = process.stdout.isTTY === true && process.env.NO_COLOR === undefined

/** @param {number} code @param {string} text */
const paint = (code, text) => (isColoured ? `\u001b[${code}m${text}\u001b[0m` : text)

export const bold = (/** @type {string} */ text) => paint(1, text)
export const dim = (/** @type {string} */ text) => paint(2, text)
export const red = (/** @type {string} */ text) => paint(31, text)

/** Prints a line. @param {string} [text] */
export function say(text = '') {
  process.stdout.write(`${text}\n`)
}

/** Prints a line that somebody should act on. @param {string} text */
export function warn(text) {
  process.stdout.write(`${red('!')} ${text}\n`)
}

/** After this long a step says that it is under way. */
const noticeMs = 5_000

/**
 * Does one step of a longer way, and prints its name with the time that it took when that is worth knowing.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(name, work) {
  const startedMs = Date.now()
  const timer = setTimeout(() => say(dim(`${name}: under way; the first time takes a while`)), noticeMs)
  const result = await work().finally(() => clearTimeout(timer))
  const seconds = (Date.now() - startedMs) / 1000
  say(`${name}${seconds >= 1 ? dim(` (${seconds.toFixed(0)} s)`) : ''}`)
  return result
}
