// Asks the service in this container whether it is ready. A slim image has no curl.
const port = process.env.PHAROS_PORT
if (!port) throw new Error('PHAROS_PORT is not set: the health check does not know where the service listens')
const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2500) })
process.exitCode = response.ok ? 0 : 1
