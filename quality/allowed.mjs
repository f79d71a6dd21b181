/**
 * Exceptions to the rules of the house. Each names one rule and one file and says why; an exception that is no longer needed fails the check.
 * @type {{ rule: string, path: string, reason: string }[]}
 */
export const allowed = []
