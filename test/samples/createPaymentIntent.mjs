const response = await fetch(
"https://api.care360-next.carevalidate.com/api/v1/payments/intent",
{
method: "POST",
headers: {
"cv-api-key": "YOUR_SECRET_KEY_HERE",
"Content-Type": "application/json",
},
body: JSON.stringify({
amount: 100,
paymentMethodTypes: ["affirm", "klarna", "card"],
metadata: {
email: "testemail@example.com",
phone: "+1404567890",
},
}),
}
);
const data = await response.json();
console.log(data);
