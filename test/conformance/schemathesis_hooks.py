"""Rules for valid requests that JSON Schema cannot express: without them, Schemathesis would report our rejections as defects.

Only requests that are meant to be valid are adjusted. Requests that are meant to be invalid are sent as generated.
"""

import schemathesis


@schemathesis.hook
def map_case(context, case):
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if is_valid and isinstance(case.body, dict):
        adjust(case.body)
        # A key in the header and one in the body must be the same.
        if "idempotencyKey" in case.body and case.headers:
            case.headers.pop("Idempotency-Key", None)
    return case


def adjust(body):
    # Whole cents (`x-whole-cents`): 19.99 is no multiple of 0.01 in binary floating point, so no keyword can say it.
    if isinstance(body.get("amount"), float):
        body["amount"] = round(body["amount"], 2)
    # Only Stripe knows which types this account has for dollars, and it rejects a request with none of them. `card` is always available.
    types = body.get("paymentMethodTypes")
    if isinstance(types, list) and "card" not in types:
        types.append("card")
