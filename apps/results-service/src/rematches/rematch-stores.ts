import { CandidateJudgement } from '../generations/candidate-judgement.js'
import { GenerationTransitions } from '../generations/generation-transitions.js'
import { RematchChunkStore } from './rematch-chunk-store.js'
import { RematchPlanner } from './rematch-planner.js'
import { RematchStore } from './rematch-store.js'

/** What generations and re-matches share: a candidate begins the one, whose end activates the other. */
export const rematchStores = [CandidateJudgement, GenerationTransitions, RematchChunkStore, RematchPlanner, RematchStore] as const
