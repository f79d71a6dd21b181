/** The caller on whose behalf the gateway asks, in a handler for it: `@CurrentPrincipal() principal: Principal`. */
export { CallerPrincipal as CurrentPrincipal } from '@pharos/service-kit'
