"""Sends the calls of standard input with openapi-generator's Python client, and prints what its types read."""

import json
import sys

from payments import ApiClient, ApiException, Configuration, Metadata, PaymentIntentRequest, PaymentsApi, SetupIntentRequest


def outcome_of(call):
    configuration = Configuration(host=call["url"], api_key={"apiKey": call["apiKey"]})
    with ApiClient(configuration) as client:
        try:
            return {"status": 200, "text": secret_of(call, PaymentsApi(client))}
        except ApiException as error:
            text = error.data.error if error.status == 401 else error.data.message
            return {"status": error.status, "errorCode": error.headers["X-Error-Code"], "text": text}


def secret_of(call, api):
    options = {"idempotency_key": call.get("idempotencyKey"), "_headers": call.get("headers"), "_request_timeout": 30.0}
    options["_content_type"] = (call.get("headers") or {}).get("Content-Type")
    metadata = Metadata.from_dict(call.get("metadata"))
    if call["operationId"] == "createSetupIntent":
        setup = SetupIntentRequest(metadata=metadata) if metadata else None
        return api.create_setup_intent(setup_intent_request=setup, **options).payment_secret
    payment = PaymentIntentRequest(
        amount=call["amount"], payment_method_types=call.get("paymentMethodTypes"), metadata=metadata
    )
    return api.create_payment_intent(payment, **options).data.payment_intent_secret


print(json.dumps([outcome_of(call) for call in json.load(sys.stdin)]))
