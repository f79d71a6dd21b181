import { pharosTests } from '../../vitest.shared.js'

// Each file starts all services; two at a time would only wait for each other.
export default pharosTests({ fileParallelism: false, testTimeout: 300_000, hookTimeout: 600_000 })
