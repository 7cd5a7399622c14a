package main

import (
	"context"
	"net/http"
	"os"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

func gcp(ctx context.Context) (string, error) {
	credentials, err := google.FindDefaultCredentials(ctx, "https://www.googleapis.com/auth/cloud-platform")
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv("SECRET_URL"), nil)
	if err != nil {
		return "", err
	}
	return body(oauth2.NewClient(ctx, credentials.TokenSource).Do(request))
}
