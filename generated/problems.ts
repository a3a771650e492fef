/**
 * This file is made from openapi/openapi.yaml by `make generate`. Do not edit it.
 *
 * Every failure: the name of its example, status, body, and whether the same request may be sent again.
 */
export const problems = [
  {"name":"amountRequired","status":400,"body":{"success":false,"message":"Amount is required"},"retry":false},
  {"name":"invalidAmount","status":400,"body":{"success":false,"message":"Amount must be a positive number"},"retry":false},
  {"name":"amountTooSmall","status":400,"body":{"success":false,"message":"Amount must be at least 0.50"},"retry":false},
  {"name":"amountTooLarge","status":400,"body":{"success":false,"message":"Amount must be at most 999999.99"},"retry":false},
  {"name":"amountTooPrecise","status":400,"body":{"success":false,"message":"Amount must have at most two decimal places"},"retry":false},
  {"name":"invalidPaymentMethodTypes","status":400,"body":{"success":false,"message":"Invalid payment method types"},"retry":false},
  {"name":"invalidMetadata","status":400,"body":{"success":false,"message":"Invalid metadata"},"retry":false},
  {"name":"invalidBody","status":400,"body":{"success":false,"message":"Request body must be a JSON object"},"retry":false},
  {"name":"invalidIdempotencyKey","status":400,"body":{"success":false,"message":"Invalid idempotency key"},"retry":false},
  {"name":"invalidRequest","status":400,"body":{"success":false,"message":"Bad request"},"retry":false},
  {"name":"invalidApiKey","status":401,"body":{"status":401,"error":"Invalid API key"},"retry":false},
  {"name":"notFound","status":404,"body":{"success":false,"message":"Not found"},"retry":false},
  {"name":"methodNotAllowed","status":405,"body":{"success":false,"message":"Method not allowed"},"retry":false},
  {"name":"requestTimeout","status":408,"body":{"success":false,"message":"Request timeout"},"retry":true},
  {"name":"idempotencyKeyReused","status":409,"body":{"success":false,"message":"Idempotency key was already used with different parameters"},"retry":false},
  {"name":"idempotencyKeyInUse","status":409,"body":{"success":false,"message":"A request with this idempotency key is in progress"},"retry":true},
  {"name":"bodyTooLarge","status":413,"body":{"success":false,"message":"Request body is too large"},"retry":false},
  {"name":"unsupportedMediaType","status":415,"body":{"success":false,"message":"Content-Type must be application/json"},"retry":false},
  {"name":"expectationFailed","status":417,"body":{"success":false,"message":"Expectation failed"},"retry":false},
  {"name":"tooManyRequests","status":429,"body":{"success":false,"message":"Too many requests"},"retry":true},
  {"name":"headersTooLarge","status":431,"body":{"success":false,"message":"Request headers are too large"},"retry":false},
  {"name":"internalError","status":500,"body":{"success":false,"message":"Internal server error"},"retry":true},
  {"name":"providerUnavailable","status":503,"body":{"success":false,"message":"Payment provider is unavailable"},"retry":true},
] as const;

/** The status of each response of an operation, by the name of its example. */
export interface Examples {
  createPaymentIntent: {
    created: 200;
    amountRequired: 400;
    invalidAmount: 400;
    amountTooSmall: 400;
    amountTooLarge: 400;
    amountTooPrecise: 400;
    invalidPaymentMethodTypes: 400;
    invalidMetadata: 400;
    invalidBody: 400;
    invalidIdempotencyKey: 400;
    invalidRequest: 400;
    invalidApiKey: 401;
    notFound: 404;
    methodNotAllowed: 405;
    requestTimeout: 408;
    idempotencyKeyReused: 409;
    idempotencyKeyInUse: 409;
    bodyTooLarge: 413;
    unsupportedMediaType: 415;
    expectationFailed: 417;
    tooManyRequests: 429;
    headersTooLarge: 431;
    internalError: 500;
    providerUnavailable: 503;
  };
  createSetupIntent: {
    setupCreated: 200;
    invalidMetadata: 400;
    invalidBody: 400;
    invalidIdempotencyKey: 400;
    invalidRequest: 400;
    invalidApiKey: 401;
    notFound: 404;
    methodNotAllowed: 405;
    requestTimeout: 408;
    idempotencyKeyReused: 409;
    idempotencyKeyInUse: 409;
    bodyTooLarge: 413;
    unsupportedMediaType: 415;
    expectationFailed: 417;
    tooManyRequests: 429;
    headersTooLarge: 431;
    internalError: 500;
    providerUnavailable: 503;
  };
}
