// baz greets whoever the gateway let through.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

type greeting struct {
	Feature string `json:"feature"`
	Message string `json:"message"`
	Sub     string `json:"sub"`
}

func handle(_ context.Context, request events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	claims, _ := request.RequestContext.Authorizer["claims"].(map[string]any)
	sub, _ := claims["sub"].(string)
	log.Printf("baz called by %s", sub)
	body, err := json.Marshal(greeting{"baz", fmt.Sprintf("Hello %s, this is Go.", name(claims)), sub})
	if err != nil {
		return events.APIGatewayProxyResponse{}, err
	}
	return events.APIGatewayProxyResponse{
		StatusCode: 200,
		Headers:    map[string]string{"Content-Type": "application/json", "Access-Control-Allow-Origin": "*"},
		Body:       string(body),
	}, nil
}

// name prefers the e-mail address of an ID token; an access token only knows the user's name and id.
func name(claims map[string]any) string {
	for _, key := range []string{"email", "username", "sub"} {
		if value, ok := claims[key].(string); ok && value != "" {
			return value
		}
	}
	return "stranger"
}

func main() {
	lambda.Start(handle)
}
