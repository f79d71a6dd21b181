import { parse } from './no-explicit-any'
export const parsed = parse('1')
