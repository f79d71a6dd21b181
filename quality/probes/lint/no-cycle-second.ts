import { first } from './no-cycle.js'
export const second = (): number => first()
