"""What auth writes into the tokens it signs. Backend's settings.py names the same issuer and audiences."""

ISSUER = "agents-auth"

API_AUDIENCE = "agents-api"
API_SECONDS = 3600

# A ticket opens one WebSocket from a page, which can not send an Authorization header there.
TICKET_AUDIENCE = "agents-ws"
TICKET_SECONDS = 120
