/**
 * A small client of the API, for the demo.
 * @param {string} baseUrl @param {string} token
 */
export function apiClient(baseUrl, token) {
  /**
   * @param {string} method @param {string} path
   * @param {{ json?: unknown, bytes?: Uint8Array }} [body]
   */
  return async function call(method, path, { json, bytes } = {}) {
    const response = await fetch(`${baseUrl}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...(bytes === undefined ? {} : { 'content-type': 'application/octet-stream' }),
      },
      ...(json === undefined && bytes === undefined ? {} : { body: bytes ?? JSON.stringify(json) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 500)}`)
    return text === '' ? undefined : JSON.parse(text)
  }
}
