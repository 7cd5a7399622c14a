import os

import requests
from azure.identity import WorkloadIdentityCredential

credential = WorkloadIdentityCredential(enable_azure_proxy=True)
token = credential.get_token(os.environ["SECRET_SCOPE"]).token
print(requests.get(os.environ["SECRET_URL"], headers={"Authorization": f"Bearer {token}"}).text)
