import { pharosTests } from '../../vitest.shared.js'

// Each file starts all services; two at a time would only wait for each other.
export default pharosTests({ fileParallelism: false, testTimeout: 120_000, hookTimeout: 300_000 })
