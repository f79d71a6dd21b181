export { contentHash, textHash, uuidOf } from '@pharos/service-kit'
