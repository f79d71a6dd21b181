import { second } from './no-cycle-second.js'
export const first = (): number => second()
