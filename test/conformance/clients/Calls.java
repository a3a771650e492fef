// Sends the calls of standard input with openapi-generator's Java client, and prints what its types read.

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.InputStreamReader;
import java.util.List;
import java.util.Map;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.PaymentsApi;
import org.openapitools.client.model.Failure;
import org.openapitools.client.model.InvalidApiKey;
import org.openapitools.client.model.Metadata;
import org.openapitools.client.model.PaymentIntentRequest;
import org.openapitools.client.model.PaymentMethodType;
import org.openapitools.client.model.SetupIntentRequest;

public class Calls {
  public static void main(String[] arguments) throws Exception {
    JsonArray outcomes = new JsonArray();
    for (JsonElement call : JsonParser.parseReader(new InputStreamReader(System.in)).getAsJsonArray()) {
      outcomes.add(outcomeOf(call.getAsJsonObject()));
    }
    System.out.println(outcomes);
  }

  static JsonObject outcomeOf(JsonObject call) throws Exception {
    ApiClient client = new ApiClient();
    client.setBasePath(call.get("url").getAsString());
    client.setApiKey(call.get("apiKey").getAsString());
    try {
      return outcome(200, null, secretOf(call, new PaymentsApi(client)));
    } catch (ApiException error) {
      String body = error.getResponseBody();
      boolean isAboutKey = error.getCode() == 401;
      String message = isAboutKey ? InvalidApiKey.fromJson(body).getError().getValue() : Failure.fromJson(body).getMessage();
      Map<String, List<String>> headers = error.getResponseHeaders();
      return outcome(error.getCode(), headers.get("x-error-code").get(0), message);
    }
  }

  static String secretOf(JsonObject call, PaymentsApi api) throws ApiException {
    String key = call.has("idempotencyKey") ? call.get("idempotencyKey").getAsString() : null;
    if (call.get("operationId").getAsString().equals("createSetupIntent")) {
      SetupIntentRequest setup = call.has("metadata") ? new SetupIntentRequest().metadata(metadataOf(call)) : null;
      return api.createSetupIntent(key, setup).getPaymentSecret();
    }
    PaymentIntentRequest payment = new PaymentIntentRequest().amount(call.get("amount").getAsDouble());
    if (call.has("paymentMethodTypes")) {
      for (JsonElement type : call.getAsJsonArray("paymentMethodTypes")) {
        payment.addPaymentMethodTypesItem(PaymentMethodType.fromValue(type.getAsString()));
      }
    }
    if (call.has("metadata")) payment.metadata(metadataOf(call));
    return api.createPaymentIntent(payment, key).getData().getPaymentIntentSecret();
  }

  static Metadata metadataOf(JsonObject call) {
    Metadata metadata = new Metadata();
    call.getAsJsonObject("metadata").asMap().forEach((name, value) -> {
      if (name.equals("email")) metadata.email(value.getAsString());
      else metadata.putAdditionalProperty(name, value.getAsString());
    });
    return metadata;
  }

  static JsonObject outcome(int status, String errorCode, String text) {
    JsonObject outcome = new JsonObject();
    outcome.addProperty("status", status);
    outcome.addProperty("errorCode", errorCode);
    outcome.addProperty("text", text);
    return outcome;
  }
}
