/**
 * This file is made from openapi/openapi.yaml by `make generate`. Do not edit it.
 *
 * Every failure by the name of its example: status, body, and whether the same request may be sent again.
 */
export const problems = {
  "amountRequired": {
    "status": 400,
    "body": {
      "success": false,
      "message": "Amount is required"
    },
    "retry": false
  },
  "invalidAmount": {
    "status": 400,
    "body": {
      "success": false,
      "message": "Amount must be a positive number"
    },
    "retry": false
  },
  "amountTooSmall": {
    "status": 400,
    "body": {
      "success": false,
      "message": "Amount must be at least 0.50"
    },
    "retry": false
  },
  "amountTooLarge": {
    "status": 400,
    "body": {
      "success": false,
      "message": "Amount must be at most 999999.99"
    },
    "retry": false
  },
  "amountTooPrecise": {
    "status": 400,
    "body": {
      "success": false,
      "message": "Amount must have at most two decimal places"
    },
    "retry": false
  },
  "invalidPaymentMethodTypes": {
    "status": 400,
    "body": {
      "success": false,
      "message": "Invalid payment method types"
    },
    "retry": false
  },
  "invalidMetadata": {
    "status": 400,
    "body": {
      "success": false,
      "message": "Invalid metadata"
    },
    "retry": false
  },
  "invalidBody": {
    "status": 400,
    "body": {
      "success": false,
      "message": "Request body must be a JSON object"
    },
    "retry": false
  },
  "invalidIdempotencyKey": {
    "status": 400,
    "body": {
      "success": false,
      "message": "Invalid idempotency key"
    },
    "retry": false
  },
  "invalidRequest": {
    "status": 400,
    "body": {
      "success": false,
      "message": "Bad request"
    },
    "retry": false
  },
  "invalidApiKey": {
    "status": 401,
    "body": {
      "status": 401,
      "error": "Invalid API key"
    },
    "retry": false
  },
  "notFound": {
    "status": 404,
    "body": {
      "success": false,
      "message": "Not found"
    },
    "retry": false
  },
  "methodNotAllowed": {
    "status": 405,
    "body": {
      "success": false,
      "message": "Method not allowed"
    },
    "retry": false
  },
  "requestTimeout": {
    "status": 408,
    "body": {
      "success": false,
      "message": "Request timeout"
    },
    "retry": true
  },
  "idempotencyKeyReused": {
    "status": 409,
    "body": {
      "success": false,
      "message": "Idempotency key was already used with different parameters"
    },
    "retry": false
  },
  "idempotencyKeyInUse": {
    "status": 409,
    "body": {
      "success": false,
      "message": "A request with this idempotency key is in progress"
    },
    "retry": true
  },
  "bodyTooLarge": {
    "status": 413,
    "body": {
      "success": false,
      "message": "Request body is too large"
    },
    "retry": false
  },
  "unsupportedMediaType": {
    "status": 415,
    "body": {
      "success": false,
      "message": "Content-Type must be application/json"
    },
    "retry": false
  },
  "expectationFailed": {
    "status": 417,
    "body": {
      "success": false,
      "message": "Expectation failed"
    },
    "retry": false
  },
  "tooManyRequests": {
    "status": 429,
    "body": {
      "success": false,
      "message": "Too many requests"
    },
    "retry": true
  },
  "headersTooLarge": {
    "status": 431,
    "body": {
      "success": false,
      "message": "Request headers are too large"
    },
    "retry": false
  },
  "internalError": {
    "status": 500,
    "body": {
      "success": false,
      "message": "Internal server error"
    },
    "retry": true
  },
  "providerUnavailable": {
    "status": 503,
    "body": {
      "success": false,
      "message": "Payment provider is unavailable"
    },
    "retry": true
  }
} as const;
