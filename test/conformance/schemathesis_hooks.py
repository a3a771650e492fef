"""What a valid request must keep to beyond what JSON Schema can say: without it, Schemathesis would call our refusals wrong.

Only requests that are meant to be valid are mended. What is meant to be refused goes out as it was made.
"""

import schemathesis


@schemathesis.hook
def map_case(context, case):
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if is_valid and isinstance(case.body, dict):
        mend(case.body)
    return case


def mend(body):
    # Whole cents (`format: usd`): 19.99 is no multiple of 0.01 in binary floating point, so no keyword can say it.
    if isinstance(body.get("amount"), float):
        body["amount"] = round(body["amount"], 2)
    # Which types Stripe offers for dollars, and to this account, only Stripe knows: it refuses when none is left. A card always is.
    types = body.get("paymentMethodTypes")
    if isinstance(types, list) and "card" not in types:
        types.append("card")
