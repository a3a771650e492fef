"""Sends the calls of standard input with the client of openapi-python-client, and prints what its types read."""

import json
import sys

from payments import AuthenticatedClient
from payments.api.payments import create_payment_intent, create_setup_intent
from payments.models import InvalidApiKey, Metadata, PaymentIntentRequest, PaymentMethodType, SetupIntentRequest
from payments.types import UNSET


def outcome_of(call):
    # It leaves the header of the API key to its caller.
    client = AuthenticatedClient(
        base_url=call["url"],
        token=call["apiKey"],
        auth_header_name="cv-api-key",
        prefix="",
        raise_on_unexpected_status=True,
        timeout=30,
    )
    response = send(call, client)
    body = response.parsed
    if response.status_code == 200:
        secret = body.payment_secret if call["operationId"] == "createSetupIntent" else body.data.payment_intent_secret
        return {"status": 200, "text": secret}
    text = body.error.value if isinstance(body, InvalidApiKey) else body.message
    return {"status": int(response.status_code), "errorCode": response.headers["X-Error-Code"], "text": text}


def send(call, client):
    options = {"client": client, "idempotency_key": call.get("idempotencyKey", UNSET)}
    metadata = Metadata.from_dict(call["metadata"]) if "metadata" in call else UNSET
    if call["operationId"] == "createSetupIntent":
        setup = SetupIntentRequest(metadata=metadata) if metadata else UNSET
        return create_setup_intent.sync_detailed(body=setup, **options)
    types = [PaymentMethodType(name) for name in call["paymentMethodTypes"]] if "paymentMethodTypes" in call else UNSET
    payment = PaymentIntentRequest(amount=call["amount"], payment_method_types=types, metadata=metadata)
    return create_payment_intent.sync_detailed(body=payment, **options)


print(json.dumps([outcome_of(call) for call in json.load(sys.stdin)]))
