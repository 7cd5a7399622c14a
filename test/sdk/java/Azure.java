import com.azure.core.credential.TokenRequestContext;
import com.azure.identity.WorkloadIdentityCredentialBuilder;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

/** A workload that reads one secret, with the library set up by its environment alone. */
public final class Azure {
  public static void main(String[] arguments) throws IOException, InterruptedException {
    var credential = new WorkloadIdentityCredentialBuilder().enableAzureProxy().build();
    var context = new TokenRequestContext().addScopes(System.getenv("SECRET_SCOPE"));
    var token = credential.getTokenSync(context).getToken();
    var request =
        HttpRequest.newBuilder(URI.create(System.getenv("SECRET_URL"))).header("Authorization", "Bearer " + token);
    System.out.println(HttpClient.newHttpClient().send(request.build(), BodyHandlers.ofString()).body());
  }
}
