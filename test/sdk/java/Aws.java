import software.amazon.awssdk.services.secretsmanager.SecretsManagerClient;

/** A workload that reads one secret, with the SDK set up by its environment alone. */
public final class Aws {
  public static void main(String[] arguments) {
    try (var client = SecretsManagerClient.create()) {
      System.out.println(client.getSecretValue(request -> request.secretId("reports")).secretString());
    }
  }
}
