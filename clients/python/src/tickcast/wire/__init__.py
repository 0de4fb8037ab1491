"""The messages of docs/protocol.md, in both encodings."""
