"""The API gateway: routes of deployed APIs, their authorizers and integrations, in API Gateway's own words."""
