import { createServer } from 'node:net'

/**
 * The wanted port when nobody listens on it, else a free one.
 * @param {number} wanted
 * @returns {Promise<number>}
 */
export async function freePortLike(wanted) {
  return (await canListen(wanted)) ? wanted : listenOnce(0)
}

/** @param {number} port */
export async function canListen(port) {
  try {
    await listenOnce(port)
    return true
  } catch (error) {
    if (
      /** @type {NodeJS.ErrnoException} */ (error).code === 'EADDRINUSE' ||
      /** @type {NodeJS.ErrnoException} */ (error).code === 'EACCES'
    )
      return false
    throw error
  }
}

/** @param {number} port @returns {Promise<number>} */
function listenOnce(port) {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      const address = /** @type {import('node:net').AddressInfo} */ (server.address())
      server.close(() => resolve(address.port))
    })
  })
}
