"""The fields of requests and responses, by their subject."""
