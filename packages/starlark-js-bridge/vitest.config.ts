import { pharosTests } from '../../vitest.shared.js'

// Builds what the tests run: the worker's entry, the engines, and the same engines as a native program. Nothing, where they are current.
export default pharosTests({ globalSetup: ['src/__tests__/build-engines.ts'], testTimeout: 60_000, fileParallelism: false })
