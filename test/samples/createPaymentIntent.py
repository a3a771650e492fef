import requests
response = requests.post(
"https://api.care360-next.carevalidate.com/api/v1/payments/intent",
headers={
"cv-api-key": "YOUR_SECRET_KEY_HERE",
"Content-Type": "application/json",
},
json={
"amount": 100,
"paymentMethodTypes": ["affirm", "klarna", "card"],
"metadata": {
"email": "testemail@example.com",
"phone": "+1404567890",
},
},
)
data = response.json()
print(data)
