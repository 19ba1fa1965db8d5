"""What backend accepts in a token. Auth's settings.py names the same issuer and audiences."""

API_ISSUER = "agents-auth"
API_AUDIENCE = "agents-api"

TICKET_ISSUER = "https://auth.agents.example"
TICKET_AUDIENCE = "agents-websocket"

# People's own accounts open only to those whom this provider vouches for; a password at auth is not enough.
OAUTH_PROVIDER = "https://accounts.google.com"

EXECUTIONS_PER_MINUTE = 20
LARGEST_BODY = 64 * 1024
