export { builtInCanary } from './built-in-canary.js'
export { type CanaryOptions, type CanaryResult, checkCanary, type MissingExpectation } from './check-canary.js'
export { readCanary } from './read-canary.js'
