curl -X POST "https://api.care360-next.carevalidate.com/api/v1/payments/setup" \
  -H "cv-api-key: YOUR_SECRET_KEY_HERE" \
  -H "Content-Type: application/json" \
  -H "Idempotency-Key: $(cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen)" \
  -d '{"metadata": {"email": "testemail@example.com"}}'
