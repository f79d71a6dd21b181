import { pharosTests } from '../../vitest.shared.js'

export default pharosTests()
