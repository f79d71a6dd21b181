import { Injectable } from '@nestjs/common'
import {
  type FacetField,
  facetFields,
  type FacetsAnswer,
  type FacetsQuery,
  type FieldValues,
  type FieldValuesQuery,
  filterOf,
  PharosError,
  type Principal,
} from '@pharos/contracts'
import { visibleRepositories } from '../access/repository-scope.js'
import { engineOf, fixStateOf, severityOf } from '../inventory/column-codes.js'
import { originalText } from '../inventory/stored-text.js'
import { likeOfGlob } from '../inventory/text-pattern.js'
import { FindingFacetsRepository, type FacetRow, facetLimit } from './finding-facets.repository.js'
import { FindingSelections } from './finding-selection.js'

/** What there is to choose from in a list of findings: counts by value, and values by a part of them. */
@Injectable()
export class FindingFacetsService {
  constructor(
    private readonly facets: FindingFacetsRepository,
    private readonly selections: FindingSelections,
  ) {}

  async count({ filter, fields, limit }: FacetsQuery, principal: Principal): Promise<FacetsAnswer> {
    const wanted = [...new Set(fields.split(',').map(facetField))]
    const selection = await this.selections.prepare(filterOf(filter, 'findings'), visibleRepositories(principal))
    const found = await this.facets.count(selection, wanted, limit + 1)
    return {
      counted: Math.min(found.counted, facetLimit),
      isCapped: found.counted > facetLimit,
      facets: wanted.map((field) => {
        const ofField = found.facets.filter((row) => row.field === field)
        return {
          field,
          values: ofField.slice(0, limit).map((row) => ({ value: valueOf(row), count: Number(row.count) })),
          hasMore: ofField.length > limit,
        }
      }),
    }
  }

  async values({ field, q, limit }: FieldValuesQuery, principal: Principal): Promise<FieldValues> {
    const found = await this.facets.search(field, `%${likeOfGlob(q)}%`, visibleRepositories(principal), limit)
    return { values: found.map(originalText) }
  }
}

function facetField(item: string): FacetField {
  const field = facetFields.find((known) => known === item.trim())
  if (field === undefined)
    throw new PharosError('filter-invalid', `fields: "${item.trim().slice(0, 50)}" is none of ${facetFields.join(', ')}.`)
  return field
}

function valueOf({ field, value }: FacetRow): string {
  if (field === 'severity') return severityOf(Number(value))
  if (field === 'fix') return fixStateOf(Number(value))
  if (field === 'engine') return engineOf(Number(value))
  return originalText(value)
}
