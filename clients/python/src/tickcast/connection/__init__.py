"""One connection at a time: the WebSocket, its requests, the clock, tokens."""
