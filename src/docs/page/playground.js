/* global Scalar */
// Opens Scalar's client for one operation: #createPaymentIntent. The reference itself is the page that links here.
const playground = document.querySelector('#playground');
const { apiKey } = playground.dataset;
const reference = document.querySelector('#back').href;
const fragment = location.hash;

async function open() {
  const contract = await (await fetch('playground.json')).json();
  delete contract.info.description;
  contract.paths = onlyOperation(contract.paths, fragment.slice(1));
  playground.replaceChildren();
  Scalar.createApiReference('#playground', {
    content: contract,
    authentication: { preferredSecurityScheme: 'apiKey', securitySchemes: { apiKey: { value: apiKey } } },

    // No services of Scalar, and no requests to other hosts.
    telemetry: false,
    withDefaultFonts: false,
    agent: { disabled: true },
    mcp: { disabled: true },
    showDeveloperTools: 'never',
    hideClientButton: true,

    theme: 'none',
    favicon: 'icon.svg',
    showSidebar: false,
    hideModels: true,
    defaultOpenAllTags: true,
    hideSearch: true,
    documentDownloadType: 'none',
    defaultRequestBodyView: 'form',
    orderSchemaPropertiesBy: 'preserve',
  });
}

/** The path of the operation, or of the first one if there is none with this ID. */
function onlyOperation(paths, operationId) {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const { path, method, operation } =
    operations.find((each) => each.operation.operationId === operationId) ?? operations[0];
  return { [path]: { parameters: paths[path].parameters, [method]: operation } };
}

// Scalar has no call to open its client: its button is clicked. When the reader closes the client, the reference returns.
let wasOpen = false;
new MutationObserver(() => {
  const isOpen = document.querySelector('.scalar-client--open') !== null;
  if (wasOpen && !isOpen) location.replace(`${reference}${fragment}`);
  if (!wasOpen && !isOpen) document.querySelector('.show-api-client-button')?.click();
  wasOpen = isOpen;
}).observe(document.body, { attributes: true, childList: true, subtree: true });

void open();
