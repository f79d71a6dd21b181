export { contentHash, textHash, uuidOf } from '@pharos/contracts'
