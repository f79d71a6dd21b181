import type { ImageIdentity } from './image-identity.js'
import { type Purl, parsePurl, purlIncludes, purlKey } from './purl.js'

/** What a statement is about: a product by any of its ids and, unless there are none, components in it by any of theirs. */
export interface StatementProduct {
  readonly ids: readonly string[]
  readonly subcomponents: readonly string[]
}

/** A statement's products, made ready to be compared with many findings. Answers for an image or package are kept. */
export class StatementScope {
  private readonly products: readonly { readonly product: StatementProduct; readonly components: PurlSet }[]
  private readonly asProduct: PurlSet
  private readonly imageAnswers = new WeakMap<ImageIdentity, PurlSet[]>()

  constructor(products: readonly StatementProduct[]) {
    this.products = products.map((product) => ({ product, components: new PurlSet(product.subcomponents) }))
    this.asProduct = new PurlSet(products.flatMap(({ ids }) => ids))
  }

  /**
   * Whether it is about a package (null: one without a purl) in an image: the image is a product, and the package a component of it where
   * components are named; or the package itself is a product.
   */
  includes(image: ImageIdentity, found: Purl | null): boolean {
    if (found !== null && this.asProduct.includes(found)) return true
    return this.componentsIn(image).some((components) => components.isEmpty || (found !== null && components.includes(found)))
  }

  private componentsIn(image: ImageIdentity): PurlSet[] {
    const known = this.imageAnswers.get(image)
    if (known !== undefined) return known
    // A distribution is a product only with components: what is in an image beside it is not of it.
    const isMeant = ({ ids, subcomponents }: StatementProduct): boolean =>
      ids.some((id) => image.isMeantBy(id) || (subcomponents.length > 0 && image.isOnPlatform(id)))
    const answer = this.products.filter(({ product }) => isMeant(product)).map(({ components }) => components)
    this.imageAnswers.set(image, answer)
    return answer
  }
}

/** Purls of statements, found by name. */
class PurlSet {
  private readonly byName = new Map<string, Purl[]>()

  constructor(private readonly ids: readonly string[]) {
    for (const id of ids) {
      const purl = parsePurl(id)
      if (purl === null) continue
      const known = this.byName.get(purlKey(purl))
      if (known === undefined) this.byName.set(purlKey(purl), [purl])
      else known.push(purl)
    }
  }

  /** Nothing is named: not the same as names that are no purls, which include nothing. */
  get isEmpty(): boolean {
    return this.ids.length === 0
  }

  includes(found: Purl): boolean {
    return this.byName.get(purlKey(found))?.some((stated) => purlIncludes(stated, found)) ?? false
  }
}
