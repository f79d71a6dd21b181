import { ApplySelection, CreateSelection, Selection, SelectionToken } from '../selection.js'
import type { RouteDefinition } from './route-definition.js'

const token = { token: SelectionToken }

/** One decision about many findings, with a look before and a way back. */
export const selectionRoutes = [
  {
    operation: 'createSelection',
    method: 'POST',
    path: '/selections',
    tag: 'Selections',
    role: 'triager',
    summary: 'Select the findings that fit a filter: exact count and preview of what a decision would reach',
    body: { schema: CreateSelection },
    responses: { 201: { description: 'The selection', schema: Selection } },
    problems: ['filter-invalid'],
  },
  {
    operation: 'getSelection',
    method: 'GET',
    path: '/selections/{token}',
    tag: 'Selections',
    role: 'triager',
    summary: 'A selection and how far it has come',
    params: token,
    responses: { 200: { description: 'The selection', schema: Selection } },
  },
  {
    operation: 'applySelection',
    method: 'POST',
    path: '/selections/{token}:apply',
    tag: 'Selections',
    role: 'triager',
    summary: 'Decide about everything in a selection, in the background',
    params: token,
    body: { schema: ApplySelection },
    responses: { 202: { description: 'It is being applied', schema: Selection } },
    problems: ['conflict'],
  },
  {
    operation: 'undoSelection',
    method: 'POST',
    path: '/selections/{token}:undo',
    tag: 'Selections',
    role: 'triager',
    summary: 'Give everything in a selection its former decision again, but for what was decided upon since',
    params: token,
    responses: { 202: { description: 'It is being undone', schema: Selection } },
    problems: ['conflict'],
  },
] as const satisfies readonly RouteDefinition[]
