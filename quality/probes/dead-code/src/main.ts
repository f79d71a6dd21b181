import { used } from './library.js'
used()
