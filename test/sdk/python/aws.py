import boto3

print(boto3.client("secretsmanager").get_secret_value(SecretId="reports")["SecretString"])
