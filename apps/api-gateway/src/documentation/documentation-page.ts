/** The page that shows the API with Swagger UI, from this server's own files. */
export const documentationPage = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Pharos API</title>
  <link rel="stylesheet" href="/docs/swagger-ui.css">
  <link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
  <div id="api"></div>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script src="/docs/start.js"></script>
</body>
</html>
`

/** Starts Swagger UI; a file of its own, since the page allows no inline script. */
export const documentationScript =
  "SwaggerUIBundle({ url: '/openapi.json', dom_id: '#api', deepLinking: true, displayRequestDuration: true, validatorUrl: null })\n"
