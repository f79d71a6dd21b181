import { Inject } from '@nestjs/common'

/** Token of the frozen configuration tree. */
export const CONFIGURATION = Symbol('pharos configuration')

/** Injects the frozen configuration tree; type it with `ConfigurationOf<typeof definition>`. */
export function InjectConfiguration(): ParameterDecorator & PropertyDecorator {
  return Inject(CONFIGURATION)
}
