import com.google.api.client.http.GenericUrl;
import com.google.api.client.http.javanet.NetHttpTransport;
import com.google.auth.http.HttpCredentialsAdapter;
import com.google.auth.oauth2.GoogleCredentials;
import java.io.IOException;

/** A workload that reads one secret, with the library set up by its environment alone. */
public final class Gcp {
  public static void main(String[] arguments) throws IOException {
    var credentials =
        GoogleCredentials.getApplicationDefault().createScoped("https://www.googleapis.com/auth/cloud-platform");
    var requests = new NetHttpTransport().createRequestFactory(new HttpCredentialsAdapter(credentials));
    var url = new GenericUrl(System.getenv("SECRET_URL"));
    System.out.println(requests.buildGetRequest(url).execute().parseAsString());
  }
}
