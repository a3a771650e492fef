import uuid

import requests

response = requests.post(
    "https://api.care360-next.carevalidate.com/api/v1/payments/setup",
    headers={
        "cv-api-key": "YOUR_SECRET_KEY_HERE",
        "Idempotency-Key": str(uuid.uuid4()),
    },
    json={"metadata": {"email": "testemail@example.com"}},
)
data = response.json()
print(data)
