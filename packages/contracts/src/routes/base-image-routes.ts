import { ImageBase, ImageChildPage, ImageLayerList } from '../base-image.js'
import { Digest, PageQuery } from '../primitives.js'
import type { RouteDefinition } from './route-definition.js'

const digest = { digest: Digest }

/** What images are built on. */
export const baseImageRoutes = [
  {
    operation: 'getImageBase',
    method: 'GET',
    path: '/images/{digest}/base',
    tag: 'Images',
    role: 'viewer',
    summary: 'The image that an image is built on, and how many findings come from it',
    params: digest,
    responses: { 200: { description: 'The base', schema: ImageBase } },
  },
  {
    operation: 'listImageLayers',
    method: 'GET',
    path: '/images/{digest}/layers',
    tag: 'Images',
    role: 'viewer',
    summary: 'Layers of an image, the lowest first, with what made them and what they bring',
    params: digest,
    responses: { 200: { description: 'The layers', schema: ImageLayerList } },
  },
  {
    operation: 'listImageChildren',
    method: 'GET',
    path: '/images/{digest}/children',
    tag: 'Images',
    role: 'viewer',
    summary: 'Images that are built on an image, the newest first',
    params: digest,
    query: PageQuery,
    responses: { 200: { description: 'A page', schema: ImageChildPage } },
    problems: ['cursor-invalid'],
  },
] as const satisfies readonly RouteDefinition[]
