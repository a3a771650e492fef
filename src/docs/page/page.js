/* global Scalar */
const reference = document.querySelector('#reference');
const { document: url, apiKey } = reference.dataset;
document.documentElement.style.setProperty('--reference-title', JSON.stringify(document.title));
reference.replaceChildren();

Scalar.createApiReference('#reference', {
  url,
  authentication: { preferredSecurityScheme: 'apiKey', securitySchemes: { apiKey: { value: apiKey } } },

  // No services of Scalar, and no requests to other hosts.
  telemetry: false,
  withDefaultFonts: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  showDeveloperTools: 'never',
  hideClientButton: true,

  theme: 'none',
  favicon: 'docs/icon.svg',
  modelsSectionLabel: 'Schemas',
  hideModels: true,
  documentDownloadType: 'json',
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
  featuredClients: ['shell/curl', 'js/fetch', 'python/requests'],
  defaultRequestBodyView: 'form',
  orderSchemaPropertiesBy: 'preserve',
  expandAllSchemaProperties: true,
});

// Expands the fields of the 200 response, which most readers look for first.
new MutationObserver(() => {
  for (const row of reference.querySelectorAll('button[id$=".responses.200"]:not([data-opened])')) {
    row.dataset.opened = '';
    row.click();
  }
}).observe(reference, { childList: true, subtree: true });
