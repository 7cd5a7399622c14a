// Workloads that read one secret, each by an SDK that is set up by its environment alone.
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	programs := map[string]func(context.Context) (string, error){"aws": aws, "gcp": gcp, "azure": azure}
	secret, err := programs[os.Args[1]](context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(secret)
}
