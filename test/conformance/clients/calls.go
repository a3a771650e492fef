// Sends the calls of standard input with openapi-generator's Go client, and prints what its types read.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"

	"conformance/payments"
)

type call struct {
	OperationID        string            `json:"operationId"`
	URL                string            `json:"url"`
	APIKey             string            `json:"apiKey"`
	IdempotencyKey     string            `json:"idempotencyKey"`
	Amount             float64           `json:"amount"`
	PaymentMethodTypes []string          `json:"paymentMethodTypes"`
	Metadata           map[string]string `json:"metadata"`
}

type outcome struct {
	Status    int    `json:"status"`
	ErrorCode string `json:"errorCode,omitempty"`
	Text      string `json:"text"`
}

func main() {
	var calls []call
	if err := json.NewDecoder(os.Stdin).Decode(&calls); err != nil {
		log.Fatal(err)
	}
	outcomes := []outcome{}
	for _, call := range calls {
		outcomes = append(outcomes, outcomeOf(call))
	}
	text, _ := json.Marshal(outcomes)
	fmt.Println(string(text))
}

func outcomeOf(call call) outcome {
	configuration := payments.NewConfiguration()
	configuration.Servers = payments.ServerConfigurations{{URL: call.URL}}
	keys := map[string]payments.APIKey{"apiKey": {Key: call.APIKey}}
	ctx := context.WithValue(context.Background(), payments.ContextAPIKeys, keys)

	secret, response, err := send(call, payments.NewAPIClient(configuration).PaymentsAPI, ctx)
	if err == nil {
		return outcome{Status: response.StatusCode, Text: secret}
	}
	return outcome{response.StatusCode, response.Header.Get("X-Error-Code"), messageOf(err)}
}

func send(call call, api *payments.PaymentsAPIService, ctx context.Context) (string, *http.Response, error) {
	if call.OperationID == "createSetupIntent" {
		// Without a request, this client sends the body `null`, which is not an object.
		request := api.CreateSetupIntent(ctx).SetupIntentRequest(payments.SetupIntentRequest{Metadata: metadataOf(call)})
		if call.IdempotencyKey != "" {
			request = request.IdempotencyKey(call.IdempotencyKey)
		}
		created, response, err := request.Execute()
		return created.GetPaymentSecret(), response, err
	}
	request := api.CreatePaymentIntent(ctx).PaymentIntentRequest(paymentOf(call))
	if call.IdempotencyKey != "" {
		request = request.IdempotencyKey(call.IdempotencyKey)
	}
	created, response, err := request.Execute()
	data := created.GetData()
	return data.GetPaymentIntentSecret(), response, err
}

func paymentOf(call call) payments.PaymentIntentRequest {
	payment := payments.NewPaymentIntentRequest(call.Amount)
	for _, name := range call.PaymentMethodTypes {
		payment.PaymentMethodTypes = append(payment.PaymentMethodTypes, payments.PaymentMethodType(name))
	}
	payment.Metadata = metadataOf(call)
	return *payment
}

func metadataOf(call call) *payments.Metadata {
	if call.Metadata == nil {
		return nil
	}
	metadata := payments.NewMetadata()
	metadata.AdditionalProperties = map[string]interface{}{}
	for name, value := range call.Metadata {
		if name == "email" {
			metadata.SetEmail(value)
		} else {
			metadata.AdditionalProperties[name] = value
		}
	}
	return metadata
}

func messageOf(err error) string {
	var failure *payments.GenericOpenAPIError
	if !errors.As(err, &failure) {
		log.Fatal(err)
	}
	switch body := failure.Model().(type) {
	case payments.Failure:
		return body.Message
	case payments.InvalidApiKey:
		return body.Error
	default:
		return err.Error()
	}
}
