export { isInternalAddress, parseAddressRanges } from './address-policy.js'
export type { AddressRanges } from './address-policy.js'
