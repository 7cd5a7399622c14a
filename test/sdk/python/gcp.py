import os

import google.auth
from google.auth.transport.requests import AuthorizedSession

credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
print(AuthorizedSession(credentials).get(os.environ["SECRET_URL"]).text)
