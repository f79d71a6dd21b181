/** Settings of every grype run: one given database, never the network. Age is judged by us and stated in the result. */
export function grypeEnvironment(databaseDirectory: string): Record<string, string> {
  return {
    GRYPE_DB_CACHE_DIR: databaseDirectory,
    GRYPE_DB_AUTO_UPDATE: 'false',
    GRYPE_DB_VALIDATE_AGE: 'false',
    GRYPE_CHECK_FOR_APP_UPDATE: 'false',
    // Nothing that a scan reads may lead to a request.
    GRYPE_EXTERNAL_SOURCES_ENABLE: 'false',
  }
}
