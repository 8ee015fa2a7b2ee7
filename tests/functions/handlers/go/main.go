// A handler that does what its event says, through the unmodified aws-lambda-go.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type order struct {
	Do string `json:"do"`
}

var hoard [][]byte

func handle(ctx context.Context, raw json.RawMessage) (any, error) {
	var wanted order
	if err := json.Unmarshal(raw, &wanted); err != nil {
		return nil, err
	}
	switch wanted.Do {
	case "fail":
		return nil, errors.New("as ordered")
	case "panic":
		panic("as ordered")
	case "exit":
		os.Exit(7)
	case "sleep":
		time.Sleep(time.Hour)
	case "hoard":
		for {
			block := make([]byte, 8<<20)
			for at := range block {
				block[at] = 1
			}
			hoard = append(hoard, block)
		}
	case "stream":
		return strings.NewReader("streamed"), nil
	case "claims":
		var request events.APIGatewayProxyRequest
		if err := json.Unmarshal(raw, &request); err != nil {
			return nil, err
		}
		return request.RequestContext.Authorizer["claims"], nil
	}
	lambdaContext, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	fmt.Println("a line of Go")
	return map[string]any{
		"event":      raw,
		"request_id": lambdaContext.AwsRequestID,
		"arn":        lambdaContext.InvokedFunctionArn,
		"remaining":  time.Until(deadline).Seconds(),
		"pid":        os.Getpid(),
	}, nil
}

func main() {
	lambda.Start(handle)
}
